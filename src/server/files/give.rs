//! GET: a file goes. Who has the address has the file; everything else is not found.

use std::fs::File;
use std::rc::Rc;

use crate::base::percent;
use crate::base::upload_limits::FILE_CACHE_SECONDS;
use crate::base::upload_limits::FILE_LINES;
use crate::effect::request::FileAsk;
use crate::effect::request::Outcome;
use crate::http::Reply;
use crate::http::Request;
use crate::http::Status;
use crate::model::file::FileHash;
use crate::model::file::FileRow;
use crate::model::file::to_hex;
use crate::net::clock::Clock;
use crate::net::web;
use crate::net::web::Answer;
use crate::server::files::Files;
use crate::upload;
use crate::web::files::Facts;

pub(super) async fn answer(files: &Rc<Files>, request: &Request) -> Answer {
    let parts = request.target.parts();
    let [_, sealed, name] = parts.as_slice() else {
        return Status::NOT_FOUND.into();
    };
    let Some(place) = files.keys.open(sealed, &files.domain) else {
        return Status::NOT_FOUND.into();
    };
    let row = match files.ask(FileAsk::Find { place }).await {
        Some(Outcome::File { file }) if *file.name == **name => file,
        Some(Outcome::Refused { .. } | Outcome::File { .. }) => return Status::NOT_FOUND.into(),
        _ => return Status::UNAVAILABLE.into(),
    };
    match find(files, row.hash).await {
        Some(file) => give(request, file, &row).await,
        // The other board may have it, and is not there.
        None => Reply::of(Status::UNAVAILABLE)
            .with("Retry-After", "60")
            .into(),
    }
}

/// Here, or else from the other board.
async fn find(files: &Rc<Files>, hash: FileHash) -> Option<File> {
    // Each connection that is kept may be dead.
    for _ in 0..=FILE_LINES + 1 {
        let found = files.blocking(move |cabinet| cabinet.find(&hash)).await;
        if let Ok(Some((file, _))) = found {
            return Some(file);
        }
        let pair = files.paired()?;
        if pair.files.want(pair, &hash).await == Some(false) {
            return None;
        }
    }
    None
}

async fn give(request: &Request, file: File, row: &FileRow) -> Answer {
    let shown = upload::shown(&row.content_type);
    let left = row.expires.since_ms(Clock::of_the_day()) / 1_000;
    let age = left.min(FILE_CACHE_SECONDS);
    let facts = Facts {
        bytes: row.bytes,
        modified: row.uploaded,
        etag: format!("\"{}\"", to_hex(&row.hash)),
        content_type: shown.content_type,
        cache: format!("private, max-age={age}, immutable"),
    };
    let mut answer = web::give(request, file, &facts).await;
    let kind = if shown.is_inline {
        "inline"
    } else {
        "attachment"
    };
    // RFC 6266 section 4.3 and RFC 8187: any name, without a quote to end it.
    let name = percent::encode(&row.name);
    let disposition = format!("{kind}; filename*=UTF-8''{name}");
    answer.reply = answer.reply.with("Content-Disposition", disposition);
    answer
}
