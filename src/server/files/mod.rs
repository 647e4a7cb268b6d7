//! Files of users (XEP-0363): the web door's requests, the folder with the bytes, and the other board.
//!
//! A row says that there is a file, and the hash of its bytes; it is an op like any other. The bytes go their own way, and
//! before the row: whoever sees the row of a file that was acknowledged in a pair has its bytes. Where a board has rows
//! without bytes, because the other one was alone when they came, it fetches them ([`sweep`]), and what is asked for
//! first at once ([`give`]).

mod give;
mod sweep;
mod take;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use crate::base::ids::FileId;
use crate::base::jid::BareJid;
use crate::base::upload_limits::UPLOADS_MAX;
use crate::base::upload_limits::UPLOADS_PER_ACCOUNT_MAX;
use crate::effect::request::Command;
use crate::effect::request::FileAsk;
use crate::effect::request::Outcome;
use crate::http::Method;
use crate::http::Reply;
use crate::http::Request;
use crate::http::Status;
use crate::model::file::FileHash;
use crate::model::file::FileKeys;
use crate::net::web::Answer;
use crate::net::web::Answering;
use crate::net::web::Body;
use crate::net::web::Fail;
use crate::net::web::Handler;
use crate::server::dev;
use crate::server::hub::Node;
use crate::server::pair;
use crate::server::pair::Pair;
use crate::server::run;
use crate::server::run::Home;
use crate::store::disk::cabinet::Cabinet;

/// The folder of the bytes, in the data folder.
pub(crate) const FOLDER: &str = "files";

const METHODS: &str = "GET, HEAD, PUT, OPTIONS";

/// What the parts share.
pub(crate) struct Files {
    node: Rc<Node>,
    cabinet: Arc<Cabinet>,
    domain: String,
    keys: FileKeys,
    pair: Option<Rc<Pair>>,
    /// Uploads that are received now.
    coming: RefCell<BTreeMap<FileId, BareJid>>,
}

/// The folder for these files; what a crash left of unfinished ones is removed. A server in memory has a folder of its own.
pub(crate) fn open(home: &Home<'_>) -> io::Result<Arc<Cabinet>> {
    let path = match home {
        Home::Folder(path) => path.join(FOLDER),
        Home::Memory(_) => dev::temporary("dev"),
    };
    Cabinet::open(path).map(Arc::new)
}

impl Files {
    pub(crate) fn new(
        node: &Rc<Node>,
        cabinet: Arc<Cabinet>,
        (domain, keys): (&str, FileKeys),
        pair: Option<Rc<Pair>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            node: Rc::clone(node),
            cabinet,
            domain: domain.to_owned(),
            keys,
            pair,
            coming: RefCell::default(),
        })
    }

    /// Sweeps, and fetches what is missing here, for ever.
    pub(crate) fn begin(self: &Rc<Self>) {
        let executor = &self.node.executor;
        executor.spawn(sweep::run(Rc::clone(self))).detach();
        if let Some(pair) = &self.pair {
            pair::files::begin(pair, &self.cabinet);
        }
    }

    async fn ask(&self, ask: FileAsk) -> Option<Outcome> {
        run::command(&self.node, Command::File { ask }).await
    }

    /// Work on the folder, off the thread of the node.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cabinet) -> T + Send + 'static,
    ) -> T {
        let cabinet = Arc::clone(&self.cabinet);
        smol::unblock(move || work(&cabinet)).await
    }

    async fn holds(&self, hash: FileHash) -> bool {
        self.blocking(move |cabinet| cabinet.holds(&hash)).await
    }

    /// Both boards serve, so that what is acknowledged has to be on both disks.
    fn is_paired(&self) -> bool {
        self.paired().is_some()
    }

    /// The way to the other board where both serve.
    fn paired(&self) -> Option<&Rc<Pair>> {
        self.pair.as_ref().filter(|pair| pair.is_in_sync())
    }

    /// A place among those who upload now.
    fn enter(self: &Rc<Self>, id: FileId, owner: &BareJid) -> Result<Coming, Status> {
        let mut coming = self.coming.borrow_mut();
        let own = coming.values().filter(|one| *one == owner).count();
        if coming.contains_key(&id) {
            return Err(Status::CONFLICT);
        }
        if coming.len() >= UPLOADS_MAX || own >= UPLOADS_PER_ACCOUNT_MAX {
            return Err(Status::UNAVAILABLE);
        }
        coming.insert(id, owner.clone());
        Ok(Coming {
            files: Rc::clone(self),
            id,
        })
    }
}

/// An upload under way; its slot is nobody else's meanwhile.
struct Coming {
    files: Rc<Files>,
    id: FileId,
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.files.coming.borrow_mut().remove(&self.id);
    }
}

/// What the web door has of it.
pub(crate) struct Door(pub(crate) Rc<Files>);

impl Handler for Door {
    fn answer<'a>(&'a self, request: &'a Request, body: &'a mut Body<'_>) -> Answering<'a> {
        Box::pin(async move {
            let answer = match request.method {
                Method::Put => take::answer(&self.0, request, body).await?,
                Method::Get | Method::Head => give::answer(&self.0, request).await,
                Method::Options => Reply::options(METHODS, "Content-Type, Range").into(),
                _ => Reply::not_allowed(METHODS).into(),
            };
            Ok::<Answer, Fail>(for_everybody(answer, request.method))
        })
    }
}

/// XEP-0363 sections 8 and 9.1: web clients from anywhere may use it; nothing in it may do anything.
fn for_everybody(mut answer: Answer, method: Method) -> Answer {
    if method != Method::Options {
        answer.reply = answer.reply.for_every_origin().with(
            "Access-Control-Expose-Headers",
            "Accept-Ranges, Content-Length, Content-Range, ETag",
        );
    }
    answer.reply = answer.reply.with(
        "Content-Security-Policy",
        "default-src 'none'; frame-ancestors 'none'; sandbox",
    );
    answer
}
