// The bridge to the editor's own model, inside VS Code: a test extension provides the model. VS Code asks for
// consent only where a provider needs an account, as Copilot does: that dialog cannot be had here.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.mjs";
import { Editor, watch } from "./rig.mjs";

const SOURCE = "import json\nimport pickle\n\n\ndef read(data):\n    return pickle.loads(data), json\n";
const REPLY =
  "<<<<<<< SEARCH\nimport pickle\n=======\n>>>>>>> REPLACE\n" +
  "<<<<<<< SEARCH\n    return pickle.loads(data), json\n=======\n    return json.loads(data), json\n>>>>>>> REPLACE\n";

/** One for each test: what a model has answered once is answered from a cache. */
const NAMES = ["accepted", "cancelled", "NoPermissions", "Blocked", "NotFound"];

describe("the editor's own model", () => {
  let editor;
  let folder;
  watch(() => editor);
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "codefactory-provider-"));
    const provider = path.join(folder, "provider.vsix");
    const root = path.resolve(import.meta.dirname, "..");
    execFileSync(
      path.join(root, "node_modules/.bin/vsce"),
      ["package", "--no-dependencies", "--allow-missing-repository", "--skip-license", "-o", provider],
      { cwd: path.join(root, "test/provider"), stdio: "ignore" },
    );
    const sources = Object.fromEntries(NAMES.map((name) => [`${name}.py`, `# ${name}\n${SOURCE}`]));
    editor = await Editor.start({
      files: { ...sources, "ruff.toml": 'lint.select = ["E", "F", "S"]\n', "model.json": "{}" },
      settings: { "chat.disableAIFeatures": false, "chat.commandCenter.enabled": false },
      more: [provider],
    });
  });
  after(async () => {
    await editor?.stop();
    rmSync(folder, { recursive: true });
  });

  const script = (what) => writeFile(path.join(editor.workspace, "model.json"), JSON.stringify(what));
  const asked = async () => {
    const text = await readFile(path.join(editor.workspace, "asked.jsonl"), "utf8").catch(() => "");
    return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  };

  async function repair(name) {
    await editor.openFile(`${name}.py`);
    await editor.run("Code Factory: Repair File");
  }

  test("is chosen without an API key, and no package is missing", async () => {
    await editor.openFile("accepted.py");
    await editor.squiggles().first().waitFor();
    await editor.run("Code Factory: Choose Model");
    await editor.page.locator(".quick-input-list .monaco-list-row", { hasText: "The editor's own model" }).click();
    await editor.statusHas("editor/scripted/one");
    await editor.screenshot("61-editor-model");
  });

  test("is asked, and what it writes passes the same gate", async () => {
    await script({ reply: REPLY });
    await repair("accepted");
    await editor.tab("accepted.py: proposal").waitFor();
    await editor.note().getByText("editor/scripted/one").first().waitFor();
    await editor.screenshot("63-proposal");
    assert.ok((await asked())[0].roles.length >= 2);
    await editor.page.locator(".editor-actions a[aria-label^='Reject All Changes']").click();
    await editor.tab("proposal").waitFor({ state: "hidden" });
  });

  test("stops when the job is cancelled", async () => {
    await script({ reply: "```", hang: true });
    const before = (await asked()).length;
    await repair("cancelled");
    await eventually(async () => (await asked()).length > before, { what: "the model is asked" });
    await editor.notification("Repairing cancelled.py").locator("a.monaco-button", { hasText: "Cancel" }).click();
    await eventually(async () => (await asked()).some(({ cancelled }) => cancelled), { what: "its request is cancelled" });
  });

  for (const [error, said] of [
    ["NoPermissions", "you have not allowed"],
    ["Blocked", "it refused: too many"],
    ["NotFound", "it is not there any more"],
  ]) {
    test(`${error} is said in plain words`, async () => {
      await editor.run("Notifications: Clear All Notifications");
      await script({ error, message: "too many" });
      await repair(error);
      await editor.notification(said).getByText("Show Details").waitFor();
      await editor.notification(`Repairing ${error}.py`).waitFor({ state: "hidden" });
      await editor.screenshot(`64-${error}`);
    });
  }

  test("the details of a refusal say what was tried and what remains", async () => {
    await editor.notification("it is not there any more").getByText("Show Details").click();
    await editor.note().getByText("NotFound.py was not changed").waitFor();
    await editor.note().getByText("editor/scripted/one").first().waitFor();
    await editor.screenshot("65-details");
  });
});
