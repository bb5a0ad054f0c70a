/** Of the module of a board, for Workers: named without loading it. */
export const BOARD_MODULE: string = new URL('./board-module.js', import.meta.url).href;
