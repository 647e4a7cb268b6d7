//! Rooms, driven through the rules of delivery.

mod crowd;
mod enter;
mod govern;
mod meet;
mod speak;
mod town;
