//! HTTP/1.1, sans-IO and strict: bytes in, requests out; answers in, bytes out (RFC 9110, RFC 9112).
//!
//! [`Machine`] is one connection's server side. What a request can be read in two ways as, it refuses: both
//! lengths, several lengths, folded lines, a line feed alone, a coding that it does not know. Every refusal is a
//! [`Fault`] with the status that the client gets, and the connection ends with it. The text of heads is
//! taken apart by the crate `httparse`; what the fields mean together is decided here.

mod chunked;
mod date;
mod fault;
pub(crate) mod fuzz;
mod machine;
mod reply;
mod request;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use date::parse_date;
pub(crate) use date::write_date;
pub(crate) use fault::Fault;
pub(crate) use machine::Event;
pub(crate) use machine::Machine;
pub(crate) use reply::Reply;
pub(crate) use reply::Status;
pub(crate) use request::Length;
pub(crate) use request::Method;
pub(crate) use request::Request;
pub(crate) use target::Target;
