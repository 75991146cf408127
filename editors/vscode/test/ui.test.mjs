// The extension in a real VS Code, as a user sees it. Each step leaves a screenshot in artifacts/vscode.

import assert from "node:assert/strict";
import { availableParallelism, loadavg } from "node:os";
import { after, afterEach, before, describe, test } from "node:test";
import { Editor, eventually, python, ScriptedModel } from "./rig.mjs";

const RULES = 'lint.select = ["E", "F", "S"]\n';
const LOADER = `import os

import yaml


def load(path):
    with open(path) as file:
        return yaml.load(file, Loader=yaml.Loader)
`;
const SESSIONS = `import json
import pickle


def version(data):
    return json.loads(data)["version"]


def session(data):
    return pickle.loads(data)


def restore(data):
    state = pickle.loads(data)
    return state
`;
const block = (search, replace) => `<<<<<<< SEARCH\n${search}=======\n${replace}>>>>>>> REPLACE\n`;
const REPAIR =
  block("import pickle\n", "") +
  block("def session(data):\n    return pickle.loads(data)\n", "def session(data):\n    return json.loads(data)\n") +
  block("    state = pickle.loads(data)\n", "    state = json.loads(data)\n");

let editor;

/** A screenshot of what a failed test saw. */
function watch() {
  afterEach(async (context) => {
    if (!context.passed) {
      await editor?.screenshot(`failed-${context.name.replaceAll(/\W+/g, "-")}`).catch(() => undefined);
      if (process.env.CODEFACTORY_BAIL) {
        await editor?.stop();
        process.exit(1);
      }
    }
  });
}

/** Times are judged strictly only where the machine is ours alone. */
function busy() {
  return loadavg()[0] > 2 * availableParallelism();
}

async function codes() {
  const rows = await editor.page.locator(".markers-panel .monaco-list-row").allTextContents();
  return rows.flatMap((row) => /([A-Z]+\d+)/.exec(row)?.[1] ?? []);
}

async function showProblems() {
  if (!(await editor.page.locator(".markers-panel").isVisible())) {
    await editor.page.keyboard.press("Control+Shift+M");
    await editor.page.locator(".markers-panel").waitFor();
  }
}

async function type(text) {
  await editor.page.keyboard.type(text);
}

async function lineIs(number, text) {
  await eventually(async () => (await editor.lines())[number - 1] === text, { what: `line ${number} is ${text}` });
}

describe("findings and deterministic fixes, with nothing but the package and a Python", () => {
  watch();
  before(async () => {
    editor = await Editor.start({
      files: { "loader.py": LOADER, "other.py": LOADER, "ruff.toml": RULES },
      settings: { "codefactory.model.name": "openai/gpt-4o-mini" },
    });
  });
  after(() => editor.stop());

  test("a finding is underlined and listed soon after the first file is opened", async (context) => {
    await editor.quickOpen("loader.py");
    const opened = performance.now();
    await editor.squiggles().first().waitFor();
    const waited = performance.now() - opened;
    context.diagnostic(`first diagnostics in the UI after ${Math.round(waited)} ms`);
    await editor.screenshot("01-squiggles");
    assert.ok(waited < (busy() ? 15_000 : 5_000), `first diagnostics after ${waited} ms`);
    await showProblems();
    await eventually(async () => (await codes()).sort().join() === "B506,F401", { what: "the Problems panel" });
    await editor.screenshot("02-problems");
    await editor.picture("findings", { x: 352, y: 36, width: 1004, height: 640 });
  });

  test("hover and quick fixes say what they would do", async () => {
    await editor.openFile("loader.py");
    await editor.goTo(8, 20);
    await editor.page.keyboard.press("Control+K");
    await editor.page.keyboard.press("Control+I");
    await editor.page.locator(".monaco-hover", { hasText: "B506" }).first().waitFor();
    await editor.screenshot("03-hover");
    await editor.page.keyboard.press("Escape");
    await editor.page.keyboard.press("Control+.");
    await editor.page.locator(".action-widget .monaco-list-row", { hasText: "Use yaml.SafeLoader (review" }).first().waitFor();
    await editor.screenshot("04-quick-fixes");
    await editor.picture("quick-fix", { x: 352, y: 36, width: 1004, height: 320 });
  });

  test("a quick fix changes the text, and saving brings it to disk", async () => {
    await editor.page.locator(".action-widget .monaco-list-row", { hasText: "Use yaml.SafeLoader (review" }).first().click();
    await lineIs(8, "        return yaml.load(file, Loader=yaml.SafeLoader)");
    await editor.save();
    await eventually(async () => (await editor.onDisk("loader.py")).includes("SafeLoader"));
    await eventually(async () => (await codes()).join() === "F401");
    await editor.screenshot("05-fixed");
  });

  test("one undo takes it back", async () => {
    await editor.focusEditor();
    await editor.page.keyboard.press("Control+Z");
    await lineIs(8, "        return yaml.load(file, Loader=yaml.Loader)");
    await editor.page.keyboard.press("Control+Y");
    await lineIs(8, "        return yaml.load(file, Loader=yaml.SafeLoader)");
  });

  test("all safe problems are fixed at once from the palette", async () => {
    await editor.openFile("other.py");
    await eventually(async () => (await codes()).length >= 2);
    await editor.run("Code Factory: Fix All Safe Problems in File");
    await eventually(async () => !(await editor.text()).includes("import os"), { what: "the unused import is gone" });
    assert.ok((await editor.text()).includes("Loader=yaml.Loader"), "what needs a review is left alone");
    await editor.page.keyboard.press("Control+Z");
    await lineIs(1, "import os");
  });

  test("a finding is explained in the words of its rule, beside the code", async () => {
    await editor.openFile("loader.py");
    await editor.goTo(1, 8);
    await editor.run("Code Factory: Explain Finding");
    await editor.note().getByText("Why is this bad?").waitFor();
    await editor.screenshot("07-explained");
    await type("x"); // the focus has stayed in the code
    await lineIs(1, "import xos");
    await editor.page.keyboard.press("Control+Z");
  });

  test("a model that cannot be asked says what is missing, and offers it", async () => {
    await editor.openFile("loader.py");
    await editor.run("Code Factory: Repair File");
    await editor.notification("needs the package litellm").getByText("Install", { exact: true }).waitFor();
    await editor.screenshot("08-model-support");
  });

  test("activation is quick", async (context) => {
    await editor.run("Developer: Show Running Extensions");
    const list = editor.page.locator(".runtime-extensions-editor");
    const row = list.locator(".monaco-list-row", { hasText: "Code Factory" });
    await list.locator(".monaco-list-row").first().hover();
    await eventually(async () => (await row.count()) > 0 || (await editor.page.mouse.wheel(0, 200), false));
    const text = await row.locator(".activation-time").textContent();
    context.diagnostic(text);
    await editor.screenshot("09-activation");
    assert.ok(Number(/(\d+)\s*ms/.exec(text)[1]) <= (busy() ? 3_000 : 300), text);
  });
});

describe("repairs by a model", () => {
  let model;
  watch();
  before(async () => {
    model = await ScriptedModel.start([
      { kind: "reply", text: REPAIR, chunk_chars: 8, hang_after_chunks: 12, delay_s: 0.02 },
      { text: REPAIR },
      { text: REPAIR, delay_s: 0.15, times: null },
    ]);
    editor = await Editor.start({
      files: { "sessions.py": SESSIONS, "ruff.toml": RULES },
      settings: {
        "codefactory.interpreter": [python],
        "codefactory.importStrategy": "fromEnvironment",
        "codefactory.model.name": "openai/scripted",
        "codefactory.model.apiBase": model.url,
      },
    });
  });
  after(async () => {
    await editor.stop();
    await model.stop();
  });

  test("Cancel ends the work, and the request to the model", async () => {
    await editor.openFile("sessions.py");
    await editor.squiggles().first().waitFor();
    await editor.run("Code Factory: Repair File");
    const toast = editor.notification("Repairing sessions.py");
    await toast.getByText("the model has written").waitFor();
    await editor.screenshot("11-progress");
    await toast.locator("a.monaco-button", { hasText: "Cancel" }).click();
    await toast.waitFor({ state: "hidden" });
    await eventually(() => model.requests.length === 1, { what: "the request has ended" });
    assert.ok(model.requests[0].disconnected);
    assert.equal(await editor.text(), SESSIONS);
    await editor.screenshot("12-cancelled");
  });

  test("a proposal is shown as a diff with its evidence beside it, and changes nothing yet", async () => {
    await editor.focusEditor();
    await editor.page.keyboard.press("Control+Alt+R");
    await editor.tab("sessions.py: proposal").waitFor();
    await editor.note().getByText("Evidence for sessions.py").waitFor();
    await editor.page.locator(".diff-editor, .monaco-diff-editor").first().waitFor();
    await editor.screenshot("13-preview");
    await editor.picture("preview", { x: 352, y: 36, width: 1004, height: 640 });
    assert.equal(await editor.onDisk("sessions.py"), SESSIONS);
    await editor.note().getByText("openai/scripted").first().waitFor();
  });

  test("one change is accepted, another one rejected", async () => {
    await editor.goTo(9); // on the right: return json.loads(data)
    await editor.page.keyboard.press("Control+Enter");
    await eventually(async () => (await editor.changes()) === 2, { what: "one change less in the diff" });
    await editor.screenshot("14-one-accepted");
    await editor.goTo(13);
    await editor.page.keyboard.press("Control+Backspace");
    await eventually(async () => (await editor.changes()) === 1, { what: "two changes less in the diff" });
    await editor.screenshot("15-one-rejected");
    await editor.page.locator(".editor-actions a[aria-label^='Reject All Changes']").click();
    await editor.tab("proposal").waitFor({ state: "hidden" });
    await lineIs(10, "    return json.loads(data)");
    await lineIs(14, "    state = pickle.loads(data)");
    await lineIs(2, "import pickle");
    await editor.screenshot("16-decided");
  });

  test("undo restores the original in one step", async () => {
    await editor.focusEditor();
    await editor.page.keyboard.press("Control+Z");
    await eventually(async () => (await editor.text()) === SESSIONS, { what: "the original" });
  });

  test("the evidence can be seen afterwards", async () => {
    await editor.run("Code Factory: Show Evidence");
    await editor.note().getByText("Evidence for sessions.py").waitFor();
    await editor.screenshot("17-evidence");
  });

  test("who goes on typing keeps the focus and is asked first", async () => {
    await editor.openFile("sessions.py");
    await editor.run("Code Factory: Repair File");
    await editor.notification("Repairing sessions.py").waitFor();
    await editor.focusEditor();
    await editor.goTo(1, 1);
    await type("# a note\n");
    await editor.notification("fixed by openai/scripted").getByText("Review").waitFor();
    await lineIs(1, "# a note");
    await type("# more\n");
    await lineIs(2, "# more");
    await editor.screenshot("18-asked-first");
    await editor.notification("fixed by openai/scripted").getByText("Review").click();
    await editor.tab("sessions.py: proposal").waitFor();
    await editor.page.locator(".editor-actions a[aria-label^='Accept All Changes']").waitFor();
    await eventually(async () => (await editor.changes()) === 3, { what: "what was typed is not part of the proposal" });
    await editor.screenshot("19-review");
    await editor.page.keyboard.press("Control+Shift+Enter");
    await editor.tab("proposal").waitFor({ state: "hidden" });
    await lineIs(1, "# a note");
    await eventually(async () => !(await editor.text()).includes("pickle"), { what: "all changes, below what was typed" });
    await editor.screenshot("20-moved-and-applied");
  });

  test("the status item tells model and spending", async () => {
    await editor.page.locator(".statusbar-item", { hasText: "Code Factory" }).hover();
    const hover = editor.page.locator(".monaco-hover", { hasText: "openai/scripted" });
    await hover.waitFor();
    await hover.getByText(/calls/).waitFor();
    await editor.screenshot("22-status");
  });

  test("the model is chosen from a list", async () => {
    await editor.run("Code Factory: Choose Model");
    await editor.page.locator(".quick-input-list .monaco-list-row", { hasText: "No model" }).waitFor();
    await editor.screenshot("21-choose-model");
    await editor.picture("model", { x: 352, y: 0, width: 640, height: 180 });
    await editor.page.keyboard.press("Escape");
  });
});

describe("fixing on save, and a server that dies", () => {
  watch();
  before(async () => {
    editor = await Editor.start({
      files: { "loader.py": LOADER, "other.py": LOADER, "ruff.toml": RULES },
      settings: { "editor.codeActionsOnSave": { "source.fixAll.codefactory": "explicit" } },
    });
  });
  after(() => editor.stop());

  test("saving fixes what is safe, where the user has asked for it", async () => {
    await editor.openFile("other.py");
    await editor.squiggles().first().waitFor();
    await editor.goTo(9, 1);
    await type("\n");
    await editor.save();
    await eventually(async () => !(await editor.onDisk("other.py")).includes("import os"), { what: "fixed on disk" });
    await editor.screenshot("06-fixed-on-save");
  });

  test("a killed server is restarted, and its findings come back", async () => {
    await editor.openFile("loader.py");
    await editor.squiggles().first().waitFor();
    const [pid] = editor.servers();
    process.kill(pid, "SIGKILL");
    await editor.page.locator(".statusbar-item", { hasText: "is restarting" }).waitFor();
    await editor.screenshot("31-restarting");
    await eventually(() => editor.servers().some((other) => other !== pid), { what: "another server" });
    await editor.goTo(2, 1);
    await type("import sys");
    await showProblems();
    await eventually(async () => (await codes()).filter((code) => code === "F401").length === 2, { what: "new findings" });
    await editor.screenshot("32-findings-back");
  });

  test("after the third time it is not started again, and the log is offered", async () => {
    for (let crash = 2; crash <= 3; crash += 1) {
      const pid = await eventually(() => editor.servers()[0], { what: "a server" });
      process.kill(pid, "SIGKILL");
      await eventually(() => !editor.servers().includes(pid), { what: "it has ended" });
    }
    await editor.notification("was not started again").waitFor();
    await editor.screenshot("33-stopped");
    assert.deepEqual(editor.servers(), []);
    await editor.notification("was not started again").getByText("Restart").click();
    await eventually(() => editor.servers().length === 1, { what: "a server again" });
  });
});

describe("a workspace that is not trusted", () => {
  watch();
  before(async () => {
    editor = await Editor.start({
      trust: true,
      files: {
        "loader.py": LOADER,
        "ruff.toml": RULES,
        ".vscode/settings.json": JSON.stringify({
          "codefactory.interpreter": ["/bin/false"],
          "codefactory.model.name": "openai/theirs",
          "codefactory.model.apiBase": "http://127.0.0.1:9/",
        }),
      },
    });
  });
  after(() => editor.stop());

  test("is checked, and none of its settings that name programs or endpoints count", async () => {
    await editor.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
    await editor.openFile("loader.py");
    await editor.squiggles().first().waitFor();
    await showProblems();
    await eventually(async () => (await codes()).includes("B506"));
    await editor.statusHas("this workspace is not trusted");
    await editor.page.locator(".monaco-hover", { hasText: "deterministic fixes only" }).waitFor();
    await editor.screenshot("42-limited");
  });
});

describe("no Python that fits", () => {
  watch();
  before(async () => {
    editor = await Editor.start({
      files: { "loader.py": LOADER },
      settings: { "codefactory.interpreter": ["/nowhere/python"] },
    });
  });
  after(() => editor.stop());

  test("is said once, with what was tried and where to change it", async () => {
    const toast = editor.notification("Code Factory needs a Python");
    await toast.getByText("/nowhere/python could not be started").waitFor();
    await toast.getByText("Open Settings").waitFor();
    await editor.screenshot("51-no-python");
  });
});
