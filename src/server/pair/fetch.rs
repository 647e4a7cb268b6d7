//! The board that was away for long: compares its tables with those of the other board, and takes what differs.
//!
//! `pair.json` says `fetching` from before the first row is replaced until the last one is durable and the old log is
//! gone; then `joiner`. Whatever is cut off between goes on at the next start: what has come already is found
//! equal. Nobody is served meanwhile, but an operator who asks how far it is.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_io::Async;
use async_io::Timer;
use futures_lite::AsyncBufReadExt as _;
use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWriteExt as _;
use futures_lite::FutureExt as _;
use futures_lite::io::BufReader;
use smol::LocalExecutor;

use crate::base::limits::ADMIN_LINE_BYTES_MAX;
use crate::base::mirror_limits::COPY_PAUSE_MS;
use crate::config::settings::Settings;
use crate::model::vector::Vector;
use crate::net::address::Address;
use crate::net::peer::Purpose;
use crate::net::peer::dial;
use crate::net::peer::dial::DialError;
use crate::net::peer::identity::NodeIdentity;
use crate::net::peer::stream::PeerStream;
use crate::net::tls;
use crate::observe;
use crate::observe::event::Event;
use crate::server::admin::Reply;
use crate::server::admin::Request;
use crate::server::control;
use crate::server::pair::PairError;
use crate::server::pair::PairReport;
use crate::server::pair::file;
use crate::server::pair::file::Membership;
use crate::server::pair::file::Peer;
use crate::server::pair::file::Stage;
use crate::server::pair::joiner;
use crate::server::pair::wire;
use crate::server::pair::wire::Ask;
use crate::server::pair::wire::Batch;
use crate::server::pair::wire::Copied;
use crate::server::pair::wire::Lent;
use crate::server::run;
use crate::server::run::RunError;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::compare::Place;
use crate::store::compare::Span;
use crate::store::disk::Disk;
use crate::store::disk::folder::Folder;

/// Why an attempt has come to nothing; the next one goes on with what has come.
#[derive(Debug)]
enum FetchError {
    Dial(DialError),
    Broken(io::Error),
    Store(StoreError),
    /// The other board has not everything that was here: nothing is replaced.
    Behind,
    OtherVersion,
}

/// What is needed for an attempt.
struct Fetch<'a> {
    settings: &'a Settings,
    disk: Arc<dyn Disk>,
    identity: NodeIdentity,
    membership: Membership,
    held: Vector,
    progress: Rc<Progress>,
}

/// What is known of a board that fetches what it lacks, and does nothing else.
struct Progress {
    membership: Membership,
    /// In rows.
    done: Cell<u64>,
    total: Cell<u64>,
}

impl Progress {
    /// Answers one request after the other; ends with the reason why it cannot.
    async fn serve(&self, listener: Async<UnixListener>) -> RunError {
        loop {
            match listener.accept().await {
                Ok((socket, _)) => {
                    if let Err(error) = self.talk(socket).await {
                        observe::emit(&Event::AdminFailed { error: &error });
                    }
                }
                Err(error) => return RunError::AdminSocket(error),
            }
        }
    }

    async fn talk(&self, socket: Async<UnixStream>) -> io::Result<()> {
        let mut line = String::new();
        let mut input = BufReader::new(&socket).take(ADMIN_LINE_BYTES_MAX);
        input.read_line(&mut line).await?;
        let replies = match Request::parse(line.trim_end()) {
            Ok(Request::PairStatus) => {
                let (done, total) = (self.done.get(), self.total.get());
                let report = PairReport::fetching(&self.membership, done, total);
                vec![Reply::Pair(report), Reply::Done]
            }
            _ => vec![Reply::Failed {
                reason: RunError::Fetching.to_string(),
            }],
        };
        for reply in replies {
            let text = reply.write() + "\n";
            (&socket).write_all(text.as_bytes()).await?;
        }
        Ok(())
    }
}

/// Whether this folder has to fetch before it can be served.
pub(crate) fn is_due(settings: &Settings) -> Result<bool, RunError> {
    let membership = file::read(&settings.data).map_err(RunError::PairFile)?;
    Ok(membership.is_some_and(|one| one.stage == Stage::Fetching))
}

/// Blocks until the tables are those of the other board.
pub(crate) fn run(settings: &Settings) -> Result<(), RunError> {
    let disk: Arc<dyn Disk> = Arc::new(Folder::open(&settings.data).map_err(run::disk_error)?);
    let Some(membership) = file::read(&settings.data).map_err(RunError::PairFile)? else {
        return Ok(());
    };
    let identity = NodeIdentity::load_or_make(&tls::provider(), &settings.data)
        .map_err(RunError::Certificate)?;
    let fetch = Fetch {
        settings,
        disk,
        identity,
        held: file::read_held(&settings.data).map_err(RunError::PairFile)?,
        progress: Rc::new(Progress {
            membership: membership.clone(),
            done: Cell::new(0),
            total: Cell::new(0),
        }),
        membership,
    };
    let executor = Rc::new(LocalExecutor::new());
    smol::block_on(executor.run(async {
        let listener = control::bind(&settings.data).map_err(RunError::AdminSocket)?;
        let progress = Rc::clone(&fetch.progress);
        let answering = async { Err(progress.serve(listener).await) };
        fetch.until_done().or(answering).await
    }))
}

impl Fetch<'_> {
    async fn until_done(&self) -> Result<(), RunError> {
        tell(format_args!(
            "this board was away for long, and takes what differs from the other"
        ));
        loop {
            match self.attempt().await {
                Ok((rows, bytes)) => {
                    tell(format_args!(
                        "this board has what it lacked, rows={rows} bytes={bytes}"
                    ));
                    return self.finish();
                }
                Err(error) => tell(format_args!("this board lacks something still: {error}")),
            }
            Timer::after(Duration::from_millis(COPY_PAUSE_MS)).await;
        }
    }

    fn addresses(&self) -> Vec<Address> {
        let known = self.membership.peer.iter().flat_map(|peer| &peer.addresses);
        let mut addresses = self.settings.mirror_peer.clone();
        addresses.extend(known.cloned());
        addresses.dedup();
        addresses
    }

    /// Rows that were replaced, and bytes that came for it.
    async fn attempt(&self) -> Result<(u64, u64), FetchError> {
        let (pin, addresses) = match &self.membership.peer {
            Some(Peer { pin, .. }) => (*pin, self.addresses()),
            None => return Err(FetchError::Dial(DialError::NoAddress)),
        };
        let cache = usize::try_from(self.settings.limits.store_cache_bytes).unwrap_or(usize::MAX);
        let store = Store::open_for_copy(Arc::clone(&self.disk), cache, |error| {
            tell(format_args!(
                "{error}: this board begins anew, and takes everything"
            ));
        });
        let store = Arc::new(store?);
        let stream = dial::dial(&self.identity, pin, Purpose::Copy, &addresses).await;
        let mut stream = stream.map_err(FetchError::Dial)?;
        let ask = Ask {
            format: crate::store::FORMAT,
            has: self.held.clone(),
        };
        wire::write_message(&mut stream, &ask).await?;
        match wire::read_message(&mut stream).await? {
            Lent::Begin { rows } => self.progress.total.set(rows),
            Lent::Behind => return Err(FetchError::Behind),
            Lent::OtherVersion => return Err(FetchError::OtherVersion),
        }
        self.progress.done.set(0);
        let taken = self.take_all(&store, &mut stream).await?;
        let copied = Copied { rows: taken.0 };
        // It is told for the other board's log only.
        wire::write_message(&mut stream, &copied).await.ok();
        stream.close().await.ok();
        Ok(taken)
    }

    async fn take_all(
        &self,
        store: &Arc<Store>,
        stream: &mut PeerStream,
    ) -> Result<(u64, u64), FetchError> {
        let mut place = Place::default();
        let (mut rows, mut bytes) = (0, 0);
        loop {
            let batch: Batch = wire::read_long(stream).await?;
            if batch.ranges.is_empty() {
                break;
            }
            let spans: Result<Vec<_>, _> = batch
                .ranges
                .into_iter()
                .map(|one| place.pass(one))
                .collect();
            let taken = take(store, spans?, stream).await?;
            rows += taken.0;
            bytes += taken.1;
            self.progress
                .done
                .set(self.progress.done.get().saturating_add(batch.rows));
        }
        if place.is_end() {
            Ok((rows, bytes))
        } else {
            Err(FetchError::Broken(wire::unclear()))
        }
    }

    /// The tables are whole: what the log holds is older, and all of it is in them.
    fn finish(&self) -> Result<(), RunError> {
        joiner::clear_log(self.disk.as_ref()).map_err(run::disk_error)?;
        let membership = Membership {
            stage: Stage::Joiner,
            ..self.membership.clone()
        };
        let unwritable = |error| RunError::Pair(PairError::Unwritable(error));
        file::write(&self.settings.data, Some(&membership)).map_err(unwritable)?;
        // It says nothing any more.
        file::remove_held(&self.settings.data).ok();
        Ok(())
    }
}

/// One batch: what differs is asked for, and replaced when all of it is here.
async fn take(
    store: &Arc<Store>,
    spans: Vec<Span>,
    stream: &mut PeerStream,
) -> Result<(u64, u64), FetchError> {
    let reader = Arc::clone(store);
    let (spans, differ) = smol::unblock(move || {
        let differ = reader.differing(&spans)?;
        Ok::<_, StoreError>((spans, differ))
    })
    .await?;
    let numbered = differ.iter().zip(0_u32..);
    let wanted: Vec<u32> = numbered.filter(|(is, _)| **is).map(|(_, at)| at).collect();
    wire::write_message(stream, &wanted).await?;
    let mut bytes = 0_u64;
    let mut fresh = Vec::new();
    for (span, _) in spans
        .into_iter()
        .zip(differ)
        .filter(|(_, differs)| *differs)
    {
        let rows = wire::read_rows(stream).await?;
        bytes = bytes.saturating_add(u64::try_from(rows.len()).unwrap_or(0));
        fresh.push((span, rows));
    }
    if fresh.is_empty() {
        return Ok((0, 0));
    }
    let writer = Arc::clone(store);
    let rows = smol::unblock(move || writer.replace(&fresh)).await?;
    Ok((rows, bytes))
}

fn tell(what: fmt::Arguments<'_>) {
    observe::emit(&Event::PairCopy { what: &what });
}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(DialError::NoAddress) => f.write_str(
                "it is not known where the other board listens: set listen.mirror there, and mirror.peer here",
            ),
            Self::Dial(error) => error.fmt(f),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::Store(error) => error.fmt(f),
            Self::Behind => f.write_str(
                "the other board does not serve, or it has not everything that this one has \
                 acknowledged: was an old image of its disk restored?",
            ),
            Self::OtherVersion => {
                f.write_str("the other board is of another version; install the same on both")
            }
        }
    }
}
