//! How long an end that an administrator has ordered takes.

/// How long a server that is to end may go on, in seconds.
///
/// Those of XEP-0133 section 4.30, and none at all. Another one is refused.
pub(crate) const HALT_DELAYS_SECONDS: [u64; 8] = [0, 30, 60, 90, 120, 180, 240, 300];

/// How long the board that leads waits for the other one to go first, in milliseconds.
///
/// An orderly stop takes 15 s at most. Later it goes by itself, and hands over what it has.
pub(crate) const HALT_TURN_MS: u64 = 20_000;

/// How long it waits for the other one to be back and to have everything, in milliseconds.
///
/// Later it stays as it is: nobody else would serve.
pub(crate) const HALT_RETURN_MS: u64 = 300_000;
