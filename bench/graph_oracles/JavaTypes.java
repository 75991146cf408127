// Which files name which others' types, by javac: every identifier and qualified name that javac resolves to a class,
// as {"file": ["file", ...]}. Types that javac only infers (`var`, lambda parameters) are not counted. usage: java JavaTypes.java MODULE ROOT (the module's sources, patched over the JDK's own)
import com.sun.source.tree.*;
import com.sun.source.util.*;
import java.io.*;
import java.nio.file.*;
import java.util.*;
import java.util.stream.*;
import javax.lang.model.element.*;
import javax.tools.*;

public class JavaTypes {
    public static void main(String[] arguments) throws Exception {
        String module = arguments[0];
        Path root = Path.of(arguments[1]).toRealPath();
        List<File> files;
        try (Stream<Path> found = Files.walk(root)) {
            files = found.filter(p -> p.toString().endsWith(".java") && !p.endsWith("module-info.java"))
                .map(Path::toFile).sorted().toList();
        }
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StandardJavaFileManager manager = compiler.getStandardFileManager(d -> {}, null, null);
        List<String> options = List.of("--patch-module", module + "=" + root, "-proc:none", "-XDshould-stop.ifError=FLOW",
            "-Xmaxerrs", "1000000", "--add-modules", module);
        JavacTask task = (JavacTask) compiler.getTask(null, manager, d -> {}, options, null,
            manager.getJavaFileObjectsFromFiles(files));
        Trees trees = Trees.instance(task);
        List<CompilationUnitTree> units = new ArrayList<>();
        for (CompilationUnitTree unit : task.parse()) units.add(unit);
        task.analyze();
        Map<String, String> fileOfType = new HashMap<>();
        for (CompilationUnitTree unit : units)
            for (Tree type : unit.getTypeDecls())
                if (type instanceof ClassTree c)
                    fileOfType.put((unit.getPackageName() == null ? "" : unit.getPackageName() + ".") + c.getSimpleName(),
                        relative(root, unit));
        Map<String, TreeSet<String>> edges = new TreeMap<>();
        for (CompilationUnitTree unit : units) {
            TreeSet<String> targets = edges.computeIfAbsent(relative(root, unit), k -> new TreeSet<>());
            String text = unit.getSourceFile().getCharContent(true).toString();
            SourcePositions positions = trees.getSourcePositions();
            new TreePathScanner<Void, Void>() {
                @Override public Void visitIdentifier(IdentifierTree node, Void p) {
                    int start = (int) positions.getStartPosition(unit, node);
                    if (start >= 0 && text.startsWith(node.getName().toString(), start)) add(node.getName());
                    return super.visitIdentifier(node, p);
                }
                @Override public Void visitMemberSelect(MemberSelectTree node, Void p) {
                    int end = (int) positions.getEndPosition(unit, node);
                    if (end >= 0 && text.startsWith(node.getIdentifier().toString(), end - node.getIdentifier().length())) add(node.getIdentifier());
                    return super.visitMemberSelect(node, p);
                }
                void add(Name name) {
                    Element element = trees.getElement(getCurrentPath());
                    if (element == null || !(element.getKind().isClass() || element.getKind().isInterface())) return;
                    if (!element.getSimpleName().equals(name)) return;
                    while (element.getEnclosingElement() != null && element.getEnclosingElement().getKind() != ElementKind.PACKAGE)
                        element = element.getEnclosingElement();
                    if (!(element instanceof TypeElement type)) return;
                    String target = fileOfType.get(type.getQualifiedName().toString());
                    if (target != null) targets.add(target);
                }
            }.scan(unit, null);
        }
        System.out.println(edges.entrySet().stream()
            .map(e -> "\"" + e.getKey() + "\": " + e.getValue().stream().map(t -> "\"" + t + "\"").collect(Collectors.joining(", ", "[", "]")))
            .collect(Collectors.joining(",\n", "{", "}")));
    }

    static String relative(Path root, CompilationUnitTree unit) {
        return root.relativize(Path.of(unit.getSourceFile().toUri())).toString().replace('\\', '/');
    }
}
