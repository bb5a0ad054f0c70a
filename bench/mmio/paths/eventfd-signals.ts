/** What an eventfd's owner and the device thread that drains it agree on. */

/** Added to the counter to ask the thread to publish its count; no run signals this often. */
export const SETTLE = 2 ** 40;
/** Added to the counter to end the thread. */
export const END = 2 ** 41;

/** 32-bit words shared by both: how often the thread has published, and the signals it had counted then. */
export const SignalWord = { published: 0, signals: 1 } as const;
export const SIGNAL_WORDS_BYTES = 8;
