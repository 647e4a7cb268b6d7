//! Who gets what: scenarios through evaluation and delivery, without the core around them.

mod addresses;
mod greetings;
pub(crate) mod house;
mod pushes;
mod services;
mod upload;
