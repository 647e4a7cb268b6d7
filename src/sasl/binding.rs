//! Channel binding: what the TLS session below can prove to both ends (RFC 5056, XEP-0440).

/// What both ends of a TLS session can compute and nobody between them can.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ChannelBindings {
    /// `tls-exporter` (RFC 9266): keying material of this very session.
    pub(crate) exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929 section 4): hash of the server's certificate.
    pub(crate) endpoint: Option<Box<[u8]>>,
}

impl ChannelBindings {
    pub(crate) const fn is_empty(&self) -> bool {
        self.exporter.is_none() && self.endpoint.is_none()
    }

    /// The types on offer, best first, by their registered names.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.exporter.is_some() {
            names.push("tls-exporter");
        }
        if self.endpoint.is_some() {
            names.push("tls-server-end-point");
        }
        names
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        match name {
            "tls-exporter" => self.exporter.as_ref().map(<[u8; 32]>::as_slice),
            "tls-server-end-point" => self.endpoint.as_deref(),
            _ => None,
        }
    }
}

/// What was offered, in the form whose hash protects it (XEP-0474 section 4.1).
pub(crate) fn downgrade_text(mechanisms: &[&str], bindings: &[&str]) -> String {
    let mut text = sorted(mechanisms);
    if !bindings.is_empty() {
        text.push('\u{1f}');
        text.push_str(&sorted(bindings));
    }
    text
}

fn sorted(names: &[&str]) -> String {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.join("\u{1e}")
}
