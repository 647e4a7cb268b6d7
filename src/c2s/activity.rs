//! Client state indication (XEP-0352): is somebody looking?

use crate::c2s::Activity;
use crate::xml::Node;

/// `<active/>` or `<inactive/>`, in their namespace.
pub(crate) fn parse(node: Node<'_>) -> Option<Activity> {
    match node.name() {
        "active" => Some(Activity::Active),
        "inactive" => Some(Activity::Inactive),
        _ => None,
    }
}
