// File-to-file edges by the TypeScript compiler: its parser finds the specifiers, its resolver ("bundler" mode) follows
// them. usage: node typescript.cjs ROOT < list of files, one a line, relative to ROOT > {"file": ["file", ...]}
const fs = require("fs"), path = require("path"), ts = require("typescript");
const root = fs.realpathSync(process.argv[2]);
const files = fs.readFileSync(0, "utf8").split("\n").filter(Boolean);

const optionsByFolder = new Map();
function optionsFor(file) {
  const folder = path.dirname(file);
  if (!optionsByFolder.has(folder)) {
    const found = ts.findConfigFile(folder, ts.sys.fileExists);
    const config = found && found.startsWith(root + path.sep)
      ? ts.parseJsonConfigFileContent(ts.readConfigFile(found, ts.sys.readFile).config || {}, ts.sys, path.dirname(found)).options
      : {};
    const { paths, baseUrl, pathsBasePath } = config;
    optionsByFolder.set(folder, {
      paths, baseUrl, pathsBasePath, allowJs: true, allowImportingTsExtensions: true, target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
    });
  }
  return optionsByFolder.get(folder);
}

function specifierOf(node) {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal;
  if (!ts.isCallExpression(node)) return undefined;
  const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword;
  const isRequire = ts.isIdentifier(node.expression) && node.expression.text === "require";
  return isImport || isRequire ? node.arguments[0] : undefined;
}

const edges = {};
for (const name of files) {
  const file = path.join(root, name);
  const source = ts.createSourceFile(file, fs.readFileSync(file, "utf8"), ts.ScriptTarget.ESNext);
  const specifiers = source.referencedFiles.map((r) => (r.fileName.startsWith(".") ? r.fileName : "./" + r.fileName));
  const pending = [source];
  while (pending.length) {
    const node = pending.pop();
    const specifier = specifierOf(node);
    if (specifier && ts.isStringLiteralLike(specifier)) specifiers.push(specifier.text);
    ts.forEachChild(node, (child) => { pending.push(child); });
  }
  const targets = new Set();
  for (const specifier of specifiers) {
    const found = ts.resolveModuleName(specifier, file, optionsFor(file), ts.sys).resolvedModule;
    if (found && !found.resolvedFileName.includes("/node_modules/")) targets.add(path.relative(root, found.resolvedFileName));
  }
  edges[name] = [...targets].sort();
}
process.stdout.write(JSON.stringify(edges));
