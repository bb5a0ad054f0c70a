/** For `DeviceModule.module`: any device as a function, with FunctionModuleOptions. */
export const FUNCTION_MODULE: string = new URL('./function-module.js', import.meta.url).href;
