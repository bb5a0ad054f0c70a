/** The query parameter that makes the URL of a module another one at each load, so that it is loaded anew. */
export const LOAD_PARAMETER = 'ioregion-load';
