// Repairs by a model of the server's: progress, preview, evidence, the key. The model is tests/scripted_server.py.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.mjs";
import { contents, startOf } from "./processes.mjs";
import { Editor, python, watch } from "./rig.mjs";
import { ScriptedModel } from "./scripted-model.mjs";
import { OTHER_SESSIONS, RULES, SESSIONS, SESSIONS_REPAIR } from "./sources.mjs";

const KEY = "sk-not-to-be-found-anywhere";

describe("repairs by a model", () => {
  let editor;
  let model;
  watch(() => editor);
  before(async () => {
    model = await ScriptedModel.start([
      { kind: "reply", text: SESSIONS_REPAIR, chunk_chars: 8, hang_after_chunks: 12, delay_s: 0.02 },
      { text: SESSIONS_REPAIR },
      { text: SESSIONS_REPAIR, chunk_chars: 32, delay_s: 0.6 }, // long enough to type in the meantime
    ]);
    editor = await Editor.start({
      files: { "sessions.py": SESSIONS, "later.py": OTHER_SESSIONS, "ruff.toml": RULES },
      settings: {
        "codefactory.interpreter": [python],
        "codefactory.importStrategy": "fromEnvironment",
        "codefactory.model.name": "openai/scripted",
        "codefactory.model.apiBase": model.url,
      },
    });
  });
  after(async () => {
    await editor?.stop();
    await model?.stop();
  });

  test("an API key is asked for, and not shown", async () => {
    await editor.openFile("sessions.py");
    await editor.squiggles().first().waitFor();
    await editor.run("Code Factory: Set API Key");
    const input = editor.page.locator(".quick-input-widget input[type=password]");
    await input.fill(KEY);
    await editor.screenshot("11-api-key");
    await editor.page.keyboard.press("Enter");
    await input.waitFor({ state: "hidden" });
  });

  test("Cancel ends the work, and the request to the model", async () => {
    await editor.run("Code Factory: Repair File");
    const toast = editor.notification("Repairing sessions.py");
    await toast.getByText("the model has written").waitFor();
    await editor.screenshot("12-progress");
    await toast.locator("a.monaco-button", { hasText: "Cancel" }).click();
    await toast.waitFor({ state: "hidden" });
    await eventually(() => model.requests.length === 1, { what: "the request has ended" });
    assert.ok(model.requests[0].disconnected);
    assert.equal(await editor.text(), SESSIONS);
    await editor.screenshot("13-cancelled");
  });

  test("the key has reached the model, and is in no file, argument, variable or debug information", async () => {
    assert.equal(model.requests[0].api_key, KEY);
    for (const text of await contents(editor.folder)) {
      assert.ok(!text.includes(KEY));
    }
    for (const pid of editor.servers()) {
      assert.ok(!startOf(pid).includes(KEY));
    }
    await editor.run("Code Factory: Copy Debug Information");
    await editor.notification("on the clipboard").waitFor();
    const copied = await editor.page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /^Code Factory \d+\.\d+\.\d+\nVS Code [\s\S]*\nPython 3\.\d+\.\d+ from codefactory\.interpreter\n/);
    assert.match(copied, /"codefactory"/);
    assert.ok(!copied.includes(KEY));
  });

  test("a proposal is shown as a diff with its evidence beside it, and changes nothing yet", async () => {
    await editor.run("Notifications: Clear All Notifications");
    await editor.focusEditor();
    await editor.page.keyboard.press("Control+Alt+R");
    await editor.tab("sessions.py: proposal").waitFor();
    await editor.note().getByText("Evidence for sessions.py").waitFor();
    await editor.note().getByText("openai/scripted").first().waitFor();
    await eventually(async () => (await editor.changes()) === 3, { what: "three changes in the diff" });
    await editor.screenshot("14-preview");
    await editor.picture("preview", { x: 352, y: 36, width: 1004, height: 640 });
    assert.equal(await editor.onDisk("sessions.py"), SESSIONS);
  });

  test("one change is accepted, another one rejected, and the evidence says so", async () => {
    await editor.goTo(9); // on the right: return json.loads(data)
    await editor.page.keyboard.press("Control+Enter");
    await eventually(async () => (await editor.changes()) === 2, { what: "one change less in the diff" });
    await editor.note().getByText("line 10: applied").waitFor();
    await editor.screenshot("15-one-accepted");
    await editor.goTo(13);
    await editor.page.keyboard.press("Control+Backspace");
    await eventually(async () => (await editor.changes()) === 1, { what: "two changes less in the diff" });
    await editor.note().getByText("line 14: rejected").waitFor();
    await editor.screenshot("16-one-rejected");
    await editor.page.locator(".editor-actions a[aria-label^='Reject All Changes']").click();
    await editor.tab("proposal").waitFor({ state: "hidden" });
    await editor.lineIs(10, "    return json.loads(data)");
    await editor.lineIs(14, "    state = pickle.loads(data)");
    await editor.lineIs(2, "import pickle");
    await editor.note().getByText("Status: partly applied.").waitFor();
    await editor.screenshot("17-decided");
  });

  test("undo restores the original in one step", async () => {
    await editor.focusEditor();
    await editor.page.keyboard.press("Control+Z");
    await eventually(async () => (await editor.text()) === SESSIONS, { what: "the original" });
  });

  test("the evidence can be seen afterwards", async () => {
    await editor.tab("Evidence").click({ button: "middle" });
    await editor.page.locator("iframe.webview").waitFor({ state: "detached" });
    await editor.run("Code Factory: Show Evidence");
    await editor.note().getByText("Evidence for sessions.py").waitFor();
    await editor.note().getByText("line 14: rejected").waitFor();
    const narrow = async () => (await editor.page.locator(".editor-group-container").nth(1).boundingBox())?.width < 400;
    await eventually(narrow, { what: "the code has more room than the evidence" });
    await editor.screenshot("18-evidence");
  });

  test("who goes on typing keeps the focus and is asked first", async () => {
    await editor.openFile("later.py");
    await editor.squiggles().first().waitFor();
    await editor.goTo(1, 1);
    await editor.focusEditor();
    await editor.page.keyboard.press("Control+Alt+R");
    await editor.notification("Repairing later.py").waitFor();
    await editor.type("# a note\n");
    await editor.notification("fixed by openai/scripted").getByText("Review").waitFor();
    await editor.lineIs(1, "# a note");
    await editor.type("# more\n");
    await editor.lineIs(2, "# more");
    await editor.screenshot("19-asked-first");
    await editor.notification("fixed by openai/scripted").getByText("Review").click();
    await editor.tab("later.py: proposal").waitFor();
    await editor.page.locator(".editor-actions a[aria-label^='Accept All Changes']").waitFor();
    await eventually(async () => (await editor.changes()) === 3, { what: "what was typed is not part of the proposal" });
    await editor.screenshot("20-review");
    await editor.page.keyboard.press("Control+Shift+Enter");
    await editor.tab("proposal").waitFor({ state: "hidden" });
    await editor.lineIs(1, "# a note");
    await eventually(async () => !(await editor.text()).includes("pickle"), { what: "all changes, below what was typed" });
    await editor.note().getByText("Status: applied.").waitFor();
    await editor.screenshot("21-moved-and-applied");
  });

  test("the status item tells model and spending", async () => {
    await editor.statusHas("openai/scripted");
    await editor.page.locator(".monaco-hover").getByText(/calls/).waitFor();
    await editor.screenshot("22-status");
  });

  test("the model is chosen from a list", async () => {
    await editor.run("Code Factory: Choose Model");
    await editor.page.locator(".quick-input-list .monaco-list-row", { hasText: "No model" }).waitFor();
    await editor.screenshot("23-choose-model");
    await editor.picture("model", { x: 352, y: 0, width: 640, height: 180 });
    await editor.page.keyboard.press("Escape");
  });
});
