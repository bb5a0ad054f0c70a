/** TypeScript to JavaScript: by Node itself where it can (22.13 and newer), else by the `typescript` package. */
import * as nodeModule from 'node:module';
import { pathToFileURL } from 'node:url';

type Strip = (source: string) => string;

/** The parts of the `typescript` package that are used here: it is not among our dependencies. */
interface TypeScript {
  transpileModule(source: string, options: object): { outputText: string };
  readonly ModuleKind: { readonly ESNext: number };
  readonly ScriptTarget: { readonly ES2022: number };
}

const byNode = (nodeModule as { stripTypeScriptTypes?: Strip }).stripTypeScriptTypes;

/** The package as the device's own project has it, or as ours does. */
async function findTypeScript(file: string): Promise<TypeScript> {
  for (const from of [pathToFileURL(file).href, import.meta.url]) {
    try {
      return nodeModule.createRequire(from)('typescript') as TypeScript;
    } catch {
      // Looked for in the next place.
    }
  }
  throw new Error(`${file} is TypeScript: run it with Node 22.13 or newer, or npm install typescript beside it`);
}

async function byPackage(source: string, file: string): Promise<string> {
  const { transpileModule, ModuleKind, ScriptTarget } = await findTypeScript(file);
  const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022, inlineSourceMap: true };
  return transpileModule(source, { fileName: file, compilerOptions }).outputText;
}

/** `source` is the text of `file`. Types are removed, not checked. */
export async function toJavaScript(source: string, file: string): Promise<string> {
  if (byNode === undefined) return await byPackage(source, file);
  try {
    return byNode(source);
  } catch (error) {
    // Enums and other syntax that is more than types.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw error;
    return await byPackage(source, file);
  }
}
