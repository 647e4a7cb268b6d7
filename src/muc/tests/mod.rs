//! Rooms, driven through the rules of delivery.

mod crowd;
mod enter;
mod govern;
mod inherit;
mod meet;
mod speak;
mod town;
