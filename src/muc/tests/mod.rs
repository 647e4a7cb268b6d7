//! Rooms, driven through the rules of delivery.

mod admit;
mod clauses;
mod crowd;
mod enter;
mod govern;
mod hats;
mod hush;
mod inherit;
mod meet;
mod moderate;
mod search;
mod speak;
mod town;
mod vcard;
