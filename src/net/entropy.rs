//! The operating system's randomness, fetched in portions: one system call for many ids.

use ring::rand::SecureRandom as _;
use ring::rand::SystemRandom;
use zeroize::Zeroize as _;
use zeroize::Zeroizing;

use crate::base::limits::ENTROPY_PORTION_BYTES;
use crate::base::random::Entropy;

/// Blocks at the first use until the system has gathered enough, which on a board may take seconds.
///
/// No byte is handed out twice, and what was handed out is no longer here.
pub(crate) struct SystemEntropy {
    source: SystemRandom,
    portion: Zeroizing<Vec<u8>>,
}

impl SystemEntropy {
    pub(crate) fn new() -> Self {
        Self {
            source: SystemRandom::new(),
            portion: Zeroizing::new(Vec::with_capacity(ENTROPY_PORTION_BYTES)),
        }
    }

    #[expect(clippy::expect_used, reason = "without randomness nothing is secret")]
    fn fetch(&mut self) {
        self.portion.resize(ENTROPY_PORTION_BYTES, 0);
        self.source
            .fill(&mut self.portion)
            .expect("the system gives randomness");
    }
}

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(ENTROPY_PORTION_BYTES) {
            if self.portion.len() < part.len() {
                self.fetch();
            }
            let rest = self.portion.len().saturating_sub(part.len());
            if let Some(taken) = self.portion.get_mut(rest..) {
                part.copy_from_slice(taken);
                taken.zeroize();
            }
            self.portion.truncate(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_bytes_are_handed_out_twice() {
        let mut entropy = SystemEntropy::new();
        let draws = 3 * ENTROPY_PORTION_BYTES / 24;

        let drawn: BTreeSet<[u8; 24]> = (0..draws)
            .map(|_| {
                let mut bytes = [0; 24];
                entropy.fill(&mut bytes);
                bytes
            })
            .collect();

        assert_eq!(drawn.len(), draws);
    }

    #[test]
    fn more_than_a_portion_is_filled_to_the_end() {
        let mut entropy = SystemEntropy::new();
        let mut bytes = vec![0; ENTROPY_PORTION_BYTES + 40];
        entropy.fill(&mut bytes);

        assert!(
            bytes
                .chunks(20)
                .all(|chunk| chunk.iter().any(|byte| *byte != 0))
        );
    }
}
