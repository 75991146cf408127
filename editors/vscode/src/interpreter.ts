import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import * as path from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";

const run = promisify(execFile);

export const MINIMUM = [3, 11] as const;

export interface Interpreter {
  readonly command: readonly string[];
  readonly version: string;
  /** Where it was found, for the log: "codefactory.interpreter", "Python extension" or "PATH". */
  readonly origin: string;
}

export interface NoInterpreter {
  /** What was tried and why it does not do, one line each. */
  readonly tried: readonly string[];
}

/** The Pythons that the extension carries compiled packages for, oldest first, e.g. "3.12". */
export async function bundledPythons(extension: string): Promise<string[]> {
  const text = await readFile(path.join(extension, "bundled", "pythons.txt"), "utf8").catch(() => "");
  return text.split("\n").filter(Boolean);
}

/**
 * The Python that runs the server: the setting, else the Python extension's choice, else PATH.
 * `fits`: the versions that will do; without it any from MINIMUM on.
 */
export async function findInterpreter(
  scope?: vscode.Uri,
  fits?: readonly string[],
): Promise<Interpreter | NoInterpreter> {
  const tried: string[] = [];
  for await (const [origin, command] of candidates(scope)) {
    const version = await versionOf(command);
    if (version === undefined) {
      tried.push(`${origin}: ${command.join(" ")} could not be started`);
    } else if (fits === undefined ? !isRecent(version) : !fits.includes(version.split(".").slice(0, 2).join("."))) {
      tried.push(`${origin}: ${command.join(" ")} is Python ${version}`);
    } else {
      return { command, version, origin };
    }
  }
  return { tried };
}

async function* candidates(scope?: vscode.Uri): AsyncGenerator<[string, readonly string[]]> {
  const configured = vscode.workspace.getConfiguration("codefactory", scope ?? null).get<string[]>("interpreter", []);
  if (configured.length > 0) {
    yield ["codefactory.interpreter", configured];
    return; // what the user has named is used or reported, never replaced
  }
  const chosen = await fromPythonExtension(scope);
  if (chosen !== undefined) {
    yield ["Python extension", [chosen]];
  }
  for (const command of process.platform === "win32" ? [["py", "-3"], ["python"]] : [["python3"], ["python"]]) {
    yield ["PATH", command];
  }
}

interface PythonApi {
  readonly environments?: {
    getActiveEnvironmentPath(scope?: vscode.Uri): { readonly path: string };
    resolveEnvironment(
      environment: unknown,
    ): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
  };
}

async function fromPythonExtension(scope?: vscode.Uri): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<PythonApi>("ms-python.python");
  if (extension === undefined) {
    return undefined;
  }
  try {
    const environments = (extension.isActive ? extension.exports : await extension.activate()).environments;
    const environment = await environments?.resolveEnvironment(environments.getActiveEnvironmentPath(scope));
    return environment?.executable.uri?.fsPath;
  } catch {
    return undefined; // another extension's failure must not keep ours from starting
  }
}

async function versionOf(command: readonly string[]): Promise<string | undefined> {
  const [program, ...rest] = command;
  if (program === undefined) {
    return undefined;
  }
  try {
    const code = "import sys; print('.'.join(map(str, sys.version_info[:3])))";
    const { stdout } = await run(program, [...rest, "-I", "-c", code], { timeout: 10_000 });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}
