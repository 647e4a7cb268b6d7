//! Randomness as an input: unpredictable bytes from outside, repeatable numbers inside.
//!
//! Two sources, and which one to use is a matter of safety, not of taste:
//!
//! - [`Entropy`] for everything that an attacker must not guess: salts, nonces, tokens, session keys,
//!   ids that double as capabilities. In production it is the operating system behind ring; the
//!   simulator and the tests hand in a [`Rng`], which is the only place where that is right.
//! - [`Rng`] for everything else: jitter, sampling, the choices of the simulator. It is fast and
//!   repeatable from its seed, and whoever has seen a little of its output can tell the rest.

/// A source of unpredictable bytes. It has no error: a process without randomness must not go on.
pub(crate) trait Entropy {
    /// Overwrites all of `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);

    fn u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    fn u128(&mut self) -> u128 {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        u128::from_be_bytes(bytes)
    }
}

/// A repeatable generator: xoshiro256** (Blackman and Vigna, 2018). Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// Starts from one number, stretched with splitmix64 as the authors of the generator advise.
    pub(crate) fn from_number(seed: u64) -> Self {
        let mut sum = seed;
        let state = [(); 4].map(|()| {
            sum = sum.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        });
        Self { state }
    }

    pub(crate) fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // The high half of a widening product (Lemire): biased by less than 2^-32 for bounds below 2^32.
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// True once in `times` on average; always for 0 and 1.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// For tests and the simulator only, where "unpredictable" has to repeat with the seed.
impl Entropy for Rng {
    fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            for (byte, random) in part.iter_mut().zip(self.next().to_be_bytes()) {
                *byte = random;
            }
        }
    }
}

/// For tests: the same choices in every run, so that a failure repeats.
///
/// With `SEEDS_TIMES=100` in the environment a hundred times as many seeds are tried.
#[cfg(test)]
pub(crate) fn for_seeds(
    seeds: u64,
    mut check: impl FnMut(&mut arbitrary::Unstructured<'_>) -> arbitrary::Result<()>,
) {
    let times = option_env!("SEEDS_TIMES").map_or(1, |times| times.parse().unwrap());
    let mut bytes = vec![0; 1_024];
    for seed in 0..seeds * times {
        Rng::from_number(seed).fill(&mut bytes);
        // Where the bytes are used up, the input is as long as it is.
        check(&mut arbitrary::Unstructured::new(&bytes)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sequence of the state (1, 2, 3, 4), computed with the authors' definition.
    #[test]
    fn the_generator_is_the_published_one() {
        let mut rng = Rng {
            state: [1, 2, 3, 4],
        };

        let first: Vec<u64> = (0..4).map(|_| rng.next()).collect();

        assert_eq!(first, [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240]);
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_its_ends() {
        let mut rng = Rng::from_number(7);
        let seen: std::collections::BTreeSet<u64> = (0..200).map(|_| rng.below(5)).collect();

        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn filling_repeats_with_the_seed() {
        let mut one = [0; 13];
        let mut two = [0; 13];
        Rng::from_number(1).fill(&mut one);
        Rng::from_number(1).fill(&mut two);

        assert_eq!(one, two);
        assert_ne!(one, [0; 13]);
    }
}
