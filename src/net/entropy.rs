//! The operating system's randomness.

use ring::rand::SecureRandom as _;
use ring::rand::SystemRandom;

use crate::base::random::Entropy;

/// Blocks at the first use until the system has gathered enough, which on a board may take seconds.
#[derive(Debug)]
pub(crate) struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    pub(crate) fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for SystemEntropy {
    #[expect(clippy::expect_used, reason = "without randomness nothing is secret")]
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes).expect("the system gives randomness");
    }
}
