import java.security.Security;

import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.igniterealtime.smack.inttest.SmackIntegrationTestFramework;
import org.jivesoftware.smackx.omemo.signal.SignalOmemoService;

/** Smack's integration tests with its OMEMO (XEP-0384), which has to be set up before them. */
public final class Run {

    public static void main(String[] args) throws Exception {
        // Java's own AES-GCM does not take the parameters that Smack's OMEMO gives it.
        Security.insertProviderAt(new BouncyCastleProvider(), 1);
        SignalOmemoService.acknowledgeLicense();
        SignalOmemoService.setup();
        SmackIntegrationTestFramework.main(args);
    }
}
