//! What clients want to hear of, by the version of their features: asked once, for all who run the same program.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::pubsub_limits::CAPS_MAX;
use crate::model::pubsub::Interests;

/// Versions of which the hash was checked (XEP-0115 section 5.4). Losing one costs a question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caps {
    known: Arc<BTreeMap<Box<str>, Interests>>,
    order: Arc<VecDeque<Box<str>>>,
}

impl Caps {
    pub(crate) fn known(&self, version: &str) -> Option<&Interests> {
        self.known.get(version)
    }

    pub(crate) fn add(&mut self, interests: &Interests) {
        let version = &interests.version;
        let known = Arc::make_mut(&mut self.known);
        if known.insert(version.clone(), interests.clone()).is_some() {
            return;
        }
        let order = Arc::make_mut(&mut self.order);
        order.push_back(version.clone());
        if order.len() > CAPS_MAX
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_version_is_forgotten_first() {
        let mut caps = Caps::default();
        for number in 0..=CAPS_MAX {
            caps.add(&Interests {
                version: number.to_string().into(),
                ..Interests::default()
            });
        }
        assert!(caps.known("0").is_none());
        assert!(caps.known("1").is_some());
        assert!(caps.known(&CAPS_MAX.to_string()).is_some());
    }
}
