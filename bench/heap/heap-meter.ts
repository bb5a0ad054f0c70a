/** What the calling thread's JavaScript heap takes between two moments, garbage collections in between included. */
import { GCProfiler, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes. */
export interface HeapUse {
  /** Everything that was allocated, whether it was collected since or not. */
  readonly allocated: number;
  /** By how much the live heap grew. */
  readonly grown: number;
}

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

function usedBytes(): number {
  return getHeapStatistics().used_heap_size;
}

export class HeapMeter {
  #profiler = new GCProfiler();
  #live = 0;
  #start = 0;

  begin(): void {
    collect();
    this.#live = usedBytes();
    this.#profiler = new GCProfiler();
    this.#profiler.start();
    this.#start = usedBytes();
  }

  end(): HeapUse {
    const end = usedBytes();
    let allocated = 0;
    let from = this.#start;
    for (const { beforeGC, afterGC } of this.#profiler.stop().statistics) {
      allocated += beforeGC.heapStatistics.usedHeapSize - from;
      from = afterGC.heapStatistics.usedHeapSize;
    }
    allocated += end - from;
    collect();
    return { allocated, grown: usedBytes() - this.#live };
  }
}
