// Draws the plots of the report. A module of the page, after uPlot; the data is in the element #charts.

/** @import { Curves, PairCharts } from '../page-data.js' */

const HEIGHT = 270;
const FONT = '12px system-ui, sans-serif';
const FILL_ALPHA = '26';
/** Where the scale of nines has its ticks: -log10 of the share of samples that are slower. */
const PERCENTILE_TICKS = [0, Math.log10(2), 1, 2, 3];
const PERCENTILE_LABELS = ['p0', 'p50', 'p90', 'p99', 'p99.9'];

/** @param {string} name */
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** @param {number} us */
const formatTime = (us) => (us >= 1000 ? `${trim(us / 1000)} ms` : us < 1 ? `${trim(us * 1000)} ns` : `${trim(us)} µs`);

/** @param {number} value */
const trim = (value) => Number(value.toPrecision(3)).toString();

/** @param {number | null} nines */
const formatPercentile = (nines) => (nines === null ? '–' : `${trimPercent(100 * (1 - 10 ** -nines))} %`);

/** @param {number} percent */
const trimPercent = (percent) => (percent > 99 ? percent.toFixed(3) : percent.toFixed(1));

/**
 * Round times inside the range, finer steps for narrower ranges.
 * @param {number} from
 * @param {number} to
 */
const timeTicks = (from, to) => {
  const decades = Math.log10(to / from);
  const steps =
    decades < 0.5
      ? [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9]
      : decades < 1.3
        ? [1, 1.5, 2, 3, 5, 7]
        : decades < 3
          ? [1, 2, 5]
          : [1];
  const ticks = [];
  for (let decade = 10 ** Math.floor(Math.log10(from)); decade <= to; decade *= 10) {
    ticks.push(...steps.map((step) => step * decade).filter((tick) => tick >= from && tick <= to));
  }
  return ticks;
};

/** @returns {uPlot.Axis} */
const timeAxis = () => ({
  scale: 'x',
  stroke: () => color('soft'),
  font: FONT,
  labelFont: FONT,
  grid: { stroke: () => color('grid'), width: 1 },
  ticks: { stroke: () => color('line'), width: 1 },
  splits: (_plot, _axis, from, to) => timeTicks(from, to),
  filter: (_plot, splits) => splits,
  values: (_plot, splits) => splits.map(formatTime),
  label: 'time of one access (logarithmic)',
  labelSize: 20,
  size: 34,
});

/**
 * @param {string} label
 * @param {Partial<uPlot.Axis>} rest
 * @returns {uPlot.Axis}
 */
const valueAxis = (label, rest) => ({
  scale: 'y',
  label,
  labelSize: 20,
  size: 60,
  stroke: () => color('soft'),
  font: FONT,
  labelFont: FONT,
  grid: { stroke: () => color('grid'), width: 1 },
  ticks: { stroke: () => color('line'), width: 1 },
  ...rest,
});

/**
 * @param {Curves} curves
 * @param {(value: number | null) => string} format
 * @param {boolean} filled
 * @returns {uPlot.Series[]}
 */
const seriesOf = (curves, format, filled) => [
  { label: 'time', value: (_plot, time) => (time === null ? '–' : formatTime(time)) },
  ...curves.series.map(({ impl }) => ({
    label: impl,
    stroke: () => color(impl),
    width: 2,
    points: { show: false },
    value: (/** @type {uPlot} */ _plot, /** @type {number | null} */ value) => format(value),
    ...(filled ? { fill: () => color(impl) + FILL_ALPHA } : {}),
  })),
];

/**
 * @param {string} elementId
 * @param {Curves} curves
 * @param {uPlot.Series[]} series
 * @param {uPlot.Axis} axis
 * @param {uPlot.Scale} scale
 */
const draw = (elementId, curves, series, axis, scale) => {
  const element = document.getElementById(elementId);
  if (element === null) return;
  const plot = new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      scales: { x: { time: false, distr: 3, range: (_plot, from, to) => [from, to] }, y: scale },
      axes: [timeAxis(), axis],
      series,
      cursor: { drag: { x: false, y: false } },
    },
    [curves.x, ...curves.series.map(({ y }) => y)],
    element,
  );
  new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT })).observe(element);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot.redraw(false, true));
};

/** @param {PairCharts} charts */
const drawPair = ({ id, density, percentile }) => {
  const formatShare = (/** @type {number | null} */ share) => (share === null ? '–' : `${share.toFixed(2)} %`);
  draw(
    `density-${id}`,
    density,
    seriesOf(density, formatShare, true),
    valueAxis('share of samples', { values: (_plot, splits) => splits.map((share) => `${share} %`) }),
    {
      range: (_plot, _from, to) => [0, to * 1.08],
    },
  );
  draw(
    `percentile-${id}`,
    percentile,
    seriesOf(percentile, formatPercentile, false),
    valueAxis('percentile', { splits: () => PERCENTILE_TICKS, values: () => PERCENTILE_LABELS }),
    { range: [0, 3.2] },
  );
};

/** @type {PairCharts[]} */
const charts = JSON.parse(document.getElementById('charts')?.textContent ?? '[]');
charts.forEach(drawPair);
