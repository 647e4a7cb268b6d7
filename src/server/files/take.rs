//! PUT: a file comes. What it is answered with 201 is durable, here and on the other board of a pair.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use crate::base::time::Timestamp;
use crate::base::upload_limits::DISK_RESERVE_BYTES;
use crate::effect::request::FileAsk;
use crate::effect::request::Outcome;
use crate::http::Length;
use crate::http::Reply;
use crate::http::Request;
use crate::http::Status;
use crate::model::file::FileHash;
use crate::model::file::FileRow;
use crate::model::file::Slot;
use crate::model::file::SlotMac;
use crate::net::web::Answer;
use crate::net::web::Body;
use crate::net::web::Fail;
use crate::server::files::Files;
use crate::server::pair::files::GiveError;
use crate::stanza::Condition;
use crate::store::disk::cabinet::Cabinet;
use crate::store::disk::cabinet::Draft;
use crate::upload;

/// When a client may try again, in seconds.
const RETRY_SECONDS: &str = "10";

pub(super) async fn answer(
    files: &Rc<Files>,
    request: &Request,
    body: &mut Body<'_>,
) -> Result<Answer, Fail> {
    match take(files, request, body).await {
        Ok(status) | Err(Refusal::Status(status)) => Ok(reply(status).into()),
        Err(Refusal::Fail(fail)) => Err(fail),
    }
}

fn reply(status: Status) -> Reply {
    let reply = Reply::of(status);
    if status == Status::UNAVAILABLE {
        return reply.with("Retry-After", RETRY_SECONDS);
    }
    reply
}

enum Refusal {
    Status(Status),
    Fail(Fail),
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<Fail> for Refusal {
    fn from(fail: Fail) -> Self {
        Self::Fail(fail)
    }
}

async fn take(
    files: &Rc<Files>,
    request: &Request,
    body: &mut Body<'_>,
) -> Result<Status, Refusal> {
    let (slot, mac) = parse(files, request).ok_or(Status::FORBIDDEN)?;
    let content_type = check(&slot, request)?;
    let _coming = files.enter(slot.place.id, &slot.place.owner)?;
    let slot = Arc::new(slot);
    let open = FileAsk::Open {
        slot: Arc::clone(&slot),
        mac,
    };
    read_outcome(files.ask(open).await.as_ref())?;
    let free = files.blocking(Cabinet::free_bytes).await;
    let free = free.map_err(|_| Status::INTERNAL_ERROR)?;
    if free < slot.bytes.saturating_add(DISK_RESERVE_BYTES) {
        return Err(Status::INSUFFICIENT_STORAGE.into());
    }
    let hash = receive(files, &slot, body).await?;
    let file = FileRow {
        name: slot.name.clone(),
        content_type,
        bytes: slot.bytes,
        hash,
        // Set when it is kept.
        uploaded: Timestamp::default(),
        expires: Timestamp::default(),
    };
    ship(files, &hash).await?;
    keep(files, &slot, mac, file).await?;
    // The other board may have come meanwhile; then it has the row, and it is not promised what it may not have.
    ship(files, &hash).await?;
    Ok(Status::CREATED)
}

fn parse(files: &Files, request: &Request) -> Option<(Slot, SlotMac)> {
    let parts = request.target.parts();
    let [_, sealed, name] = parts.as_slice() else {
        return None;
    };
    let query = request.target.query.as_deref()?;
    upload::parse_put(&files.keys, &files.domain, (sealed, name), query)
}

/// XEP-0363 section 7: length and type are as they were announced. Gives the type.
fn check(slot: &Slot, request: &Request) -> Result<Box<str>, Status> {
    match request.length {
        Length::Sized(bytes) if bytes == slot.bytes => {}
        Length::Sized(bytes) if bytes > slot.bytes => return Err(Status::CONTENT_TOO_LARGE),
        Length::Sized(_) => return Err(Status::BAD_REQUEST),
        Length::None | Length::Chunked => return Err(Status::LENGTH_REQUIRED),
    }
    let said = request.field("content-type").and_then(upload::essence);
    match (&slot.content_type, said) {
        (Some(agreed), Some(said)) if **agreed != *said => Err(Status::UNSUPPORTED_TYPE),
        (Some(agreed), _) => Ok(agreed.clone()),
        (None, Some(said)) => Ok(said.into()),
        (None, None) => Ok("application/octet-stream".into()),
    }
}

fn read_outcome(outcome: Option<&Outcome>) -> Result<(), Status> {
    match outcome {
        Some(Outcome::Done | Outcome::File { .. }) => Ok(()),
        Some(Outcome::Refused { condition }) => Err(match condition {
            Condition::Conflict => Status::CONFLICT,
            Condition::ResourceConstraint => Status::INSUFFICIENT_STORAGE,
            Condition::FeatureNotImplemented => Status::UNAVAILABLE,
            _ => Status::FORBIDDEN,
        }),
        Some(Outcome::Full) => Err(Status::INSUFFICIENT_STORAGE),
        _ => Err(Status::UNAVAILABLE),
    }
}

/// To the disk, a piece at a time. What is not whole is dropped, and leaves nothing.
async fn receive(files: &Rc<Files>, slot: &Slot, body: &mut Body<'_>) -> Result<FileHash, Refusal> {
    body.allow(slot.bytes)?;
    let draft = files.blocking(Cabinet::begin).await;
    let mut draft = draft.map_err(|error| status_of(&error))?;
    while let Some(piece) = body.next().await? {
        let written = files.blocking(move |_| {
            draft.write(&piece)?;
            Ok::<Draft, io::Error>(draft)
        });
        draft = written.await.map_err(|error| status_of(&error))?;
    }
    if draft.bytes != slot.bytes {
        return Err(Status::BAD_REQUEST.into());
    }
    let kept = files.blocking(move |cabinet| cabinet.keep(&draft)).await;
    Ok(kept.map_err(|error| status_of(&error))?)
}

fn status_of(error: &io::Error) -> Status {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Status::INSUFFICIENT_STORAGE,
        _ => Status::INTERNAL_ERROR,
    }
}

/// The bytes are on the other disk as well, if there is another board that serves.
async fn ship(files: &Files, hash: &FileHash) -> Result<(), Status> {
    let Some(pair) = files.paired() else {
        return Ok(());
    };
    match pair.files.give(pair, hash).await {
        Ok(()) => Ok(()),
        Err(GiveError::Full) => Err(Status::INSUFFICIENT_STORAGE),
        Err(GiveError::Late) => Err(Status::UNAVAILABLE),
    }
}

async fn keep(files: &Files, slot: &Arc<Slot>, mac: SlotMac, file: FileRow) -> Result<(), Status> {
    let keep = FileAsk::Keep {
        slot: Arc::clone(slot),
        mac,
        file: Arc::new(file),
    };
    match files.ask(keep).await {
        Some(Outcome::Done) => Err(Status::INTERNAL_ERROR),
        outcome => read_outcome(outcome.as_ref()),
    }
}
