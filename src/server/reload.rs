//! SIGHUP: a new certificate, and what may change of the settings, without a connection less.
//!
//! What is read is checked as at the start, as a whole; with a mistake in it the old settings stay.
//! Connections that are there keep their TLS and the limits of their streams.

use std::cell::Cell;
use std::rc::Rc;

use crate::config::settings::Limits;
use crate::config::settings::Settings;
use crate::config::settings::Upload;
use crate::net::wires::Wires;
use crate::observe;
use crate::observe::event::Event;
use crate::server::hub::Node;
use crate::server::log_sink;
use crate::server::plan;
use crate::server::retention;
use crate::server::run::Home;
use crate::server::run::RunError;
use crate::store::RetentionLimits;

/// Reads the settings again and tells every mistake; or how many there were.
pub(crate) type Reread<'a> = &'a dyn Fn() -> Result<Settings, usize>;

/// What a reload works on.
pub(super) struct Reload<'a> {
    pub(super) node: Rc<Node>,
    pub(super) wires: Rc<Wires>,
    pub(super) settings: &'a Settings,
    pub(super) home: &'a Home<'a>,
    pub(super) login_secret: [u8; 32],
    /// What the sweeps go by.
    pub(super) retention: Rc<Cell<RetentionLimits>>,
    pub(super) reread: Reread<'a>,
}

impl Reload<'_> {
    pub(super) fn perform(&self) {
        let mistakes = match (self.reread)().map(|fresh| self.apply(fresh)) {
            Ok(Ok(())) => return observe::emit(&Event::Reloaded),
            Ok(Err(error)) => {
                observe::emit(&Event::AdminFailed { error: &error });
                1
            }
            Err(mistakes) => mistakes,
        };
        observe::emit(&Event::ReloadFailed { mistakes });
    }

    fn apply(&self, fresh: Settings) -> Result<(), RunError> {
        let settings = keep_fixed(self.settings, fresh);
        let is_dev = matches!(self.home, Home::Memory(_));
        let known = self
            .wires
            .tls()
            .filter(|_| is_dev && settings.tls.is_none());
        let tls = match known {
            Some(tls) => tls,
            None => plan::identity(&settings, self.home)?,
        };
        let wires = plan::wire_settings(&settings, tls, self.login_secret, is_dev)?;
        self.wires.set(wires);
        let limits = plan::core_limits(&settings, self.home);
        self.node
            .member
            .borrow_mut()
            .engine
            .core
            .set_policies(plan::policies(&settings), limits);
        self.retention.set(retention::limits(&settings));
        log_sink::set_level(settings.log_level);
        Ok(())
    }
}

/// What is fixed from the start to the end (`reloadable` in the table of keys).
fn keep_fixed(old: &Settings, fresh: Settings) -> Settings {
    Settings {
        domain: old.domain.clone(),
        data: old.data.clone(),
        listen: old.listen.clone(),
        mirror_peer: old.mirror_peer.clone(),
        mirror_log_bytes: old.mirror_log_bytes,
        muc_host: old.muc_host.clone(),
        pubsub_host: old.pubsub_host.clone(),
        upload: Upload {
            host: old.upload.host.clone(),
            ..fresh.upload
        },
        limits: Limits {
            record_cache_bytes: old.limits.record_cache_bytes,
            store_cache_bytes: old.limits.store_cache_bytes,
            tail_bytes: old.limits.tail_bytes,
            ..fresh.limits
        },
        ..fresh
    }
}
