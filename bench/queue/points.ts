/** What is measured: ring formats, direct and indirect descriptors, chains of several lengths. */

export const FORMATS = ['split', 'packed'] as const;
export const PLACES = ['direct', 'indirect'] as const;
/** Buffers of a chain. */
export const SEGMENTS = [1, 3, 16] as const;

export interface Point {
  readonly format: (typeof FORMATS)[number];
  readonly place: (typeof PLACES)[number];
  readonly segments: number;
}

export const POINTS: readonly Point[] = FORMATS.flatMap((format) =>
  PLACES.flatMap((place) => SEGMENTS.map((segments) => ({ format, place, segments }))),
);

export function pointName({ format, place, segments }: Point): string {
  return `${format} ${place} ${segments}`;
}
