// Findings and deterministic fixes, with nothing but the package and a Python. Each step leaves a screenshot in
// artifacts/vscode.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.mjs";
import { ACTIVATION_MS, FIRST_DIAGNOSTICS_MS, within } from "./figures.mjs";
import { Editor, watch } from "./rig.mjs";
import { LOADER, PAIR, RULES } from "./sources.mjs";

describe("findings and deterministic fixes", () => {
  let editor;
  watch(() => editor);
  before(async () => {
    editor = await Editor.start({
      files: { "loader.py": LOADER, "other.py": LOADER, "pair.py": PAIR, "closed.py": LOADER, "ruff.toml": RULES },
    });
  });
  after(() => editor?.stop());

  test("a finding is underlined and listed soon after the first file is opened", async (context) => {
    await editor.quickOpen("loader.py");
    const opened = performance.now();
    await editor.squiggles().first().waitFor();
    within(context, "first diagnostics in the UI", performance.now() - opened, FIRST_DIAGNOSTICS_MS);
    await editor.codesAre("B506", "F401");
    await editor.screenshot("01-findings");
    await editor.picture("findings", { x: 352, y: 36, width: 1004, height: 640 });
  });

  test("hover and quick fixes say what they would do", async () => {
    await editor.openFile("loader.py");
    await editor.goTo(8, 20);
    await editor.page.keyboard.press("Control+K");
    await editor.page.keyboard.press("Control+I");
    await editor.page.locator(".monaco-hover", { hasText: "severity medium" }).first().waitFor();
    await editor.screenshot("02-hover");
    await editor.page.keyboard.press("Escape");
    await editor.page.keyboard.press("Control+.");
    await editor.page.locator(".action-widget .monaco-list-row", { hasText: "Use yaml.SafeLoader (review" }).first().waitFor();
    await editor.screenshot("03-quick-fixes");
    await editor.picture("quick-fix", { x: 352, y: 36, width: 1004, height: 320 });
  });

  test("a quick fix changes the text, and saving brings it to disk", async () => {
    await editor.page.locator(".action-widget .monaco-list-row", { hasText: "Use yaml.SafeLoader (review" }).first().click();
    await editor.lineIs(8, "        return yaml.load(file, Loader=yaml.SafeLoader)");
    await editor.save();
    await eventually(async () => (await editor.onDisk("loader.py")).includes("SafeLoader"));
    await editor.codesAre("F401");
    await editor.screenshot("04-fixed");
  });

  test("one undo takes it back", async () => {
    await editor.focusEditor();
    await editor.page.keyboard.press("Control+Z");
    await editor.lineIs(8, "        return yaml.load(file, Loader=yaml.Loader)");
    await editor.page.keyboard.press("Control+Y");
    await editor.lineIs(8, "        return yaml.load(file, Loader=yaml.SafeLoader)");
  });

  test("all safe problems are fixed at once from the palette", async () => {
    await editor.openFile("other.py");
    await editor.codesAre("B506", "F401", "F401");
    await editor.run("Code Factory: Fix All Safe Problems in File");
    await eventually(async () => !(await editor.text()).includes("import os"), { what: "the unused import is gone" });
    assert.ok((await editor.text()).includes("Loader=yaml.Loader"), "what needs a review is left alone");
    await editor.page.keyboard.press("Control+Z");
    await editor.lineIs(1, "import os");
  });

  test("a finding is explained in the words of its rule, beside the code", async () => {
    await editor.openFile("loader.py");
    await editor.goTo(1, 8);
    await editor.run("Code Factory: Explain Finding");
    await editor.note().getByText("Why is this bad?").waitFor();
    await editor.screenshot("05-explained");
    await editor.type("x"); // the focus has stayed in the code
    await editor.lineIs(1, "import xos");
    await editor.page.keyboard.press("Control+Z");
    await editor.lineIs(1, "import os");
  });

  test("the selection is repaired alone, and its evidence says that it is applied", async () => {
    await editor.openFile("pair.py");
    await eventually(async () => (await editor.squiggles().count()) >= 2, { what: "both findings" });
    await editor.goTo(8, 1);
    await editor.page.keyboard.press("Shift+ArrowDown");
    await editor.page.keyboard.press("Shift+ArrowDown");
    await editor.run("Code Factory: Repair Selection");
    await editor.lineIs(9, "    return yaml.load(file, Loader=yaml.SafeLoader)");
    await editor.lineIs(5, "    return yaml.load(file, Loader=yaml.Loader)");
    const toast = editor.notification("1 finding fixed by deterministic fixers");
    await toast.waitFor();
    await editor.screenshot("06-selection-repaired");
    await toast.getByText("Show Evidence").click();
    await editor.note().getByText("Evidence for pair.py").waitFor();
    await editor.note().getByText("Status: applied.").waitFor();
    await editor.note().getByText("bandit:B506").first().waitFor();
    await editor.screenshot("07-evidence-of-fixes");
  });

  test("where there is nothing to do, that is said", async () => {
    await editor.focusEditor();
    await editor.goTo(2, 1);
    await editor.run("Code Factory: Repair Selection");
    await editor.notification("There is no finding in the selection.").waitFor();
    await editor.run("Notifications: Clear All Notifications");
  });

  test("the workspace is repaired, files that are not open too", async () => {
    await editor.run("Code Factory: Repair Workspace");
    await editor.notification("files repaired").waitFor();
    await editor.notification("Repairing the workspace").waitFor({ state: "hidden" });
    await editor.screenshot("08-workspace-repaired");
    await editor.openFile("closed.py");
    await editor.lineIs(2, "import yaml");
    await editor.lineIs(7, "        return yaml.load(file, Loader=yaml.SafeLoader)");
    await editor.codesAre();
  });

  test("activation is quick", async (context) => {
    await editor.run("Developer: Show Running Extensions");
    const list = editor.page.locator(".runtime-extensions-editor");
    const row = list.locator(".monaco-list-row", { hasText: "Code Factory" });
    await list.locator(".monaco-list-row").first().hover();
    await eventually(async () => (await row.count()) > 0 || (await editor.page.mouse.wheel(0, 200), false));
    const text = await row.locator(".activation-time").textContent();
    await editor.screenshot("09-activation");
    within(context, "activation", Number(/(\d+)\s*ms/.exec(text)[1]), ACTIVATION_MS);
  });
});
