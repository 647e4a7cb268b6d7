//! An established stream: stanzas and the stream's own elements, sorted and handed on.

use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::c2s::Failure;
use crate::c2s::Output;
use crate::c2s::activity;
use crate::c2s::manage;
use crate::c2s::state::State;
use crate::c2s::wire::Wire;
use crate::stanza::Stanza;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;

/// A session of the core stands behind this stream.
pub(crate) struct Online {
    jid: FullJid,
}

impl Online {
    pub(crate) const fn new(jid: FullJid) -> Self {
        Self { jid }
    }

    pub(crate) fn handle_element(
        self,
        element: &Element,
        wire: &mut Wire,
    ) -> Result<State, Failure> {
        let node = element.root();
        match node.ns() {
            ns::CLIENT if Stanza::is_stanza(element) => self.handle_stanza(element, wire)?,
            ns::SM => match manage::parse(node) {
                Some(management) => wire.push(Output::Management(management)),
                None => return Err(Failure::PeerElement),
            },
            ns::CSI => match activity::parse(node) {
                Some(activity) => wire.push(Output::Activity(activity)),
                None => return Err(Failure::PeerElement),
            },
            // XEP-0388 section 4.9: a second login is an error of the stream, as anything else here.
            _ => return Err(Failure::PeerElement),
        }
        Ok(State::Online(self))
    }

    fn handle_stanza(&self, element: &Element, wire: &mut Wire) -> Result<(), Failure> {
        self.check_from(element.root())?;
        let sender = self.jid.as_jid();
        let output = match Stanza::parse(element.clone()) {
            Ok(stanza) if is_session_request(&stanza) => Output::Answered(stanza.to_result(&[])),
            Ok(mut stanza) => {
                // RFC 6120 section 4.7.4: others do not know the header of this stream.
                stanza.lang = stanza.lang.or_else(|| wire.lang.clone());
                Output::Stanza(stanza)
            }
            Err(error) => Output::Answered(error.reply_to_element(element, sender)),
        };
        wire.push(output);
        Ok(())
    }

    /// RFC 6120 section 8.1.2.1: a client speaks for itself, by its full or its bare address.
    fn check_from(&self, node: Node<'_>) -> Result<(), Failure> {
        let Some(from) = node.attr("from") else {
            return Ok(());
        };
        let from = Jid::parse(&from).map_err(|_| Failure::PeerFrom)?;
        let is_bare = from.is_bare() && from.as_str() == self.jid.bare_str();
        let is_own = is_bare || from == *self.jid.as_jid();
        if is_own {
            Ok(())
        } else {
            Err(Failure::PeerFrom)
        }
    }
}

/// The session of RFC 3921 section 3, which is there since the bind.
fn is_session_request(stanza: &Stanza) -> bool {
    let query = stanza.query();
    query.is_some_and(|query| query.is("session", ns::SESSION))
}
