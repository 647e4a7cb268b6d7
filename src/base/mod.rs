//! Values that every layer shares: addresses, identifiers, time, limits, secrets.

pub(crate) mod admin_limits;
pub(crate) mod allowance;
pub(crate) mod belief;
pub(crate) mod device_limits;
pub(crate) mod fold;
pub(crate) mod fuzz;
pub(crate) mod halt_limits;
pub(crate) mod ids;
pub(crate) mod jid;
pub(crate) mod limits;
pub(crate) mod mirror_limits;
pub(crate) mod mobile_limits;
pub(crate) mod percent;
mod prep;
pub(crate) mod pubsub_limits;
pub(crate) mod random;
pub(crate) mod report_limits;
pub(crate) mod room_limits;
pub(crate) mod search_limits;
pub(crate) mod secret;
pub(crate) mod time;
pub(crate) mod upload_limits;
pub(crate) mod web_limits;

#[cfg(test)]
mod tests;
