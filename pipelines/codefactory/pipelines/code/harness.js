// Runs the code of a step inside of the sandbox: see harness.py, which does the same for Python.
const fs = require("node:fs");
const vm = require("node:vm");
const path = require("node:path");

const pipe = Number(process.env.CODEFACTORY_RESULT);
delete process.env.CODEFACTORY_RESULT;
const OPEN = "(async (inputs, require) => {\n";

function finish(result, status) {
  let data;
  try {
    data = JSON.stringify(result);
  } catch (error) {
    data = JSON.stringify({ error: { type: "output", message: String(error.message), trace: "" } });
  }
  for (let bytes = Buffer.from(data); bytes.length > 0; ) {
    try {
      bytes = bytes.subarray(fs.writeSync(pipe, bytes));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
  process.exitCode = status;
}

// With the frames of the code, and none of ours.
function failure(error) {
  if (!(error instanceof Error) && !(error && error.stack)) {
    return { type: typeof error, message: String(error), trace: "" };
  }
  const lines = String(error.stack).split("\n");
  const frames = lines.filter((line) => /^\s+at /.test(line));
  const kept = frames.filter((line) => line.includes("code.js"));
  const head = lines.filter((line) => !/^\s+at /.test(line));
  return { type: error.name, message: String(error.message), trace: [...head, ...kept].join("\n") };
}

function fail(error) {
  finish({ error: failure(error) }, 1);
  process.exit(1);
}

process.on("uncaughtException", fail);
const { code, inputs } = JSON.parse(fs.readFileSync(0, "utf8"));
const options = { filename: "code.js", lineOffset: -1 };
if (vm.constants && vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER) {
  options.importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
}
const resolve = require("node:module").createRequire(path.join(process.cwd(), "code.js"));
try {
  vm.runInThisContext(OPEN + code + "\n})", options)(inputs, resolve).then(
    (output) => finish(output === undefined ? {} : { output }, 0),
    fail,
  );
} catch (error) {
  fail(error);
}
