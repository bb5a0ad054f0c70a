/** Free descriptors and buffer IDs: what has been free for longest is taken first, as VIRTIO_F_IN_ORDER asks. */
export class NumberQueue {
  readonly #numbers: Uint16Array;
  #first = 0;
  length: number;

  /** 0 to `size` - 1. */
  constructor(size: number) {
    this.#numbers = Uint16Array.from({ length: size }, (_, i) => i);
    this.length = size;
  }

  take(): number {
    const number = this.#numbers[this.#first]!;
    this.#first = (this.#first + 1) % this.#numbers.length;
    this.length--;
    return number;
  }

  give(number: number): void {
    this.#numbers[(this.#first + this.length) % this.#numbers.length] = number;
    this.length++;
  }
}
