//! What somebody does on the other node, where that is a model.

use meerkat::testing::sim::Foreign;

use crate::world::World;

impl World {
    /// Somebody on the other node of the pair.
    pub(super) fn happen_elsewhere(&mut self) {
        if !self.is_follower || self.is_calm {
            return;
        }
        let account = self.devices[self.rng.index(self.devices.len())]
            .account
            .clone();
        let foreign = match self.rng.below(8) {
            0..4 => {
                let number = self.next_op;
                self.next_op += 1;
                let from = self.devices[self.rng.index(self.devices.len())]
                    .account
                    .clone();
                let body = format!("m{number}");
                let sender = format!("{from}/there");
                self.checker
                    .sent(&body, number, &sender, &account, (usize::MAX, 0));
                Foreign::Message {
                    from,
                    to: account,
                    body,
                }
            }
            4 => Foreign::Touch { account },
            5 => Foreign::SetEnabled {
                account,
                is_enabled: false,
            },
            6 => Foreign::SetEnabled {
                account,
                is_enabled: true,
            },
            _ => Foreign::Take {
                jid: self.devices[self.rng.index(self.devices.len())].jid(),
            },
        };
        self.note(|| format!("there: {foreign:?}"));
        self.machines[0].foreign(&foreign);
    }
}
