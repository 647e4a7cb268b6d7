//! What all states of a session share: settings, outputs, timers, unpredictable text.

use std::collections::VecDeque;
use std::sync::Arc;

use base64ct::Base64UrlUnpadded;
use base64ct::Encoding;

use crate::base::time::Monotonic;
use crate::c2s::Ending;
use crate::c2s::Failure;
use crate::c2s::Output;
use crate::c2s::Settings;
use crate::c2s::state::State;
use crate::c2s::timer::Timers;
use crate::sasl::Hash;
use crate::stanza::ns;
use crate::xml::Writer;

/// Random bytes in a nonce or a stream's id: enough that none is ever drawn twice.
const NONCE_BYTES: usize = 18;

/// What stands around the elements of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    /// One document for each stream (RFC 6120 section 4.2).
    Stream,
    /// Each element is a document of its own (RFC 7395 section 3.3). TLS is below, or not at all.
    Messages,
}

/// The side of a session that its states write to.
pub(crate) struct Wire {
    pub(crate) settings: Arc<Settings>,
    pub(crate) framing: Framing,
    pub(crate) timers: Timers,
    /// The time of the input that is being handled.
    pub(crate) now: Monotonic,
    /// The client's last byte.
    pub(crate) heard: Monotonic,
    /// It was silent for long and the core knows.
    pub(crate) is_asked: bool,
    /// What the client writes in, unless a stanza says otherwise.
    pub(crate) lang: Option<Box<str>>,
    outputs: VecDeque<Output>,
    /// The stream that is open now has not got our header yet.
    is_header_due: bool,
    seed: [u8; 32],
    drawn: u64,
}

impl Wire {
    pub(crate) fn new(settings: Arc<Settings>, seed: [u8; 32], now: Monotonic) -> Self {
        Self {
            settings,
            framing: Framing::Stream,
            timers: Timers::default(),
            now,
            heard: now,
            is_asked: false,
            lang: None,
            outputs: VecDeque::new(),
            is_header_due: true,
            seed,
            drawn: 0,
        }
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Neighbouring writes become one.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        match self.outputs.back_mut() {
            Some(Output::Write(last)) => last.extend_from_slice(bytes),
            _ => self.push(Output::Write(bytes.to_vec())),
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            // An idle connection owns no buffer.
            self.outputs.shrink_to_fit();
        }
        output
    }

    /// STARTTLS belongs to streams over TCP.
    pub(crate) fn offers_tls(&self) -> bool {
        self.framing == Framing::Stream && self.settings.offers_tls
    }

    /// The client starts over: a new stream on the same connection (RFC 6120 section 4.3.3).
    pub(crate) fn restart(&mut self) {
        self.is_header_due = true;
    }

    /// Our stream header (RFC 6120 section 4.7); `to` is who the client says it is.
    pub(crate) fn write_header(&mut self, to: Option<&str>) {
        self.is_header_due = false;
        let id = self.draw_nonce();
        let mut writer = Writer::new();
        match self.framing {
            Framing::Stream => writer
                .start("stream:stream")
                .attr("xmlns", ns::CLIENT)
                .attr("xmlns:stream", ns::STREAM),
            Framing::Messages => writer.start_ns("open", ns::FRAMING),
        };
        writer
            .attr("id", &id)
            .attr("from", self.settings.domain.as_str())
            .attr_opt("to", to)
            .attr("version", "1.0")
            .attr("xml:lang", "en");
        if self.framing == Framing::Messages {
            return self.write(&writer.finish());
        }
        writer.text("");
        self.write(b"<?xml version='1.0'?>");
        // The root stays open: what would close it is cut off.
        let header = writer.finish();
        self.write(header.strip_suffix(STREAM_END).unwrap_or(&header));
    }

    /// Says why, closes our side, and ends the session. A header always comes first (4.9.1.2).
    pub(crate) fn fail(&mut self, failure: Failure) -> State {
        if self.is_header_due {
            self.write_header(None);
        }
        let mut error = Vec::new();
        failure.write(&mut error);
        self.write(&error);
        self.close(Ending::Failed(failure))
    }

    /// The client closed its side (RFC 6120 section 4.4).
    pub(crate) fn finish(&mut self) -> State {
        self.close(Ending::Finished)
    }

    /// Unpredictable text that never comes again; printable, without a comma.
    pub(crate) fn draw_nonce(&mut self) -> String {
        self.drawn += 1;
        let digest = Hash::Sha256.hmac(&self.seed, &self.drawn.to_be_bytes());
        let bytes: Vec<u8> = digest
            .as_bytes()
            .iter()
            .copied()
            .take(NONCE_BYTES)
            .collect();
        Base64UrlUnpadded::encode_string(&bytes)
    }

    fn close(&mut self, ending: Ending) -> State {
        match self.framing {
            Framing::Stream => self.write(STREAM_END),
            Framing::Messages => self.write(MESSAGES_END),
        }
        self.timers.stop_all();
        self.push(Output::Close(ending));
        State::Closed
    }
}

/// RFC 7395 section 3.6.
const MESSAGES_END: &[u8] = b"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

const STREAM_END: &[u8] = b"</stream:stream>";
