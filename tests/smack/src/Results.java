import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.TreeSet;

import org.igniterealtime.smack.inttest.SmackIntegrationTestFramework.ConcreteTest;
import org.igniterealtime.smack.inttest.SmackIntegrationTestFramework.TestRunResult;
import org.igniterealtime.smack.inttest.SmackIntegrationTestFramework.TestRunResultProcessor;

/**
 * Writes what came of a run of Smack's integration tests as sorted lines, into the file that -Dresults names.
 *
 * <p>A line is {@code passed}, {@code failed} or {@code impossible}, class and method, a tab, and the reason. A test
 * that runs once per kind of connection has one line per kind of result.
 */
public final class Results implements TestRunResultProcessor {

    @Override
    public void process(TestRunResult run) {
        TreeSet<String> lines = new TreeSet<>();
        run.getSuccessfulTests().forEach(test -> lines.add("passed " + name(test.concreteTest)));
        run.getFailedTests().forEach(test ->
                lines.add("failed " + name(test.concreteTest) + reason(test.failureReason)));
        run.getNotPossibleTests().forEach(test ->
                lines.add("impossible " + name(test.concreteTest) + reason(test.testNotPossibleException)));
        run.getImpossibleTestClasses().forEach((type, error) ->
                lines.add("impossible " + type.getSimpleName() + reason(error)));
        Path file = Path.of(System.getProperty("results"));
        try (PrintStream out = new PrintStream(file.toFile(), StandardCharsets.UTF_8)) {
            lines.forEach(out::println);
        } catch (IOException error) {
            throw new IllegalStateException("the results cannot be written", error);
        }
    }

    private static String name(ConcreteTest test) {
        return test.getMethod().getDeclaringClass().getSimpleName() + "." + test.getMethod().getName();
    }

    private static String reason(Throwable error) {
        return "\t" + String.valueOf(error).replaceAll("\\s+", " ");
    }
}
