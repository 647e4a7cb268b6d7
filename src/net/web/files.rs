//! The folder `web.root`, served at `/`: what is in it as a plain file, and nothing else.
//!
//! Names that begin with a dot are not served, nor is what a link leads to outside of the folder.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::base::percent;
use crate::base::time::Timestamp;
use crate::http::Method;
use crate::http::Reply;
use crate::http::Request;
use crate::http::Status;
use crate::http::write_date;
use crate::net::web::Answer;
use crate::net::web::Fail;
use crate::net::web::body::Part;
use crate::web::Settings;
use crate::web::files;
use crate::web::files::Facts;
use crate::web::files::Wanted;

/// What a path leads to.
enum Found {
    File(File, Facts),
    /// A folder that was named without the slash at the end.
    Folder,
    Nothing,
}

pub(super) async fn answer(settings: &Settings, request: &Request) -> Result<Answer, Fail> {
    let (Some(root), Some(names)) = (&settings.root, files::names(&request.target)) else {
        return Ok(Status::NOT_FOUND.into());
    };
    let (root, path) = (root.clone(), names.join("/"));
    let found = smol::unblock(move || find(&root, &path)).await;
    match found {
        Ok(Found::File(file, facts)) => Ok(give(request, file, &facts).await),
        Ok(Found::Folder) => {
            let name = names.last().copied().unwrap_or_default();
            let place = format!("./{}/", percent::encode(name));
            Ok(Reply::of(Status::MOVED).with("Location", place).into())
        }
        Ok(Found::Nothing) => Ok(Status::NOT_FOUND.into()),
        Err(_) => Ok(Status::INTERNAL_ERROR.into()),
    }
}

/// As much of the file as is asked for, if the client has not got it.
pub(crate) async fn give(request: &Request, mut file: File, facts: &Facts) -> Answer {
    let describe = |status| {
        Reply::of(status)
            .with("Content-Type", facts.content_type)
            .with("ETag", facts.etag.clone())
            .with("Last-Modified", write_date(facts.modified))
            .with("Accept-Ranges", "bytes")
            .with("Cache-Control", facts.cache.clone())
    };
    let (status, from, bytes) = match files::wanted(request, facts) {
        Wanted::Nothing => return describe(Status::NOT_MODIFIED).into(),
        Wanted::Impossible => {
            let range = format!("bytes */{}", facts.bytes);
            let reply = Reply::of(Status::RANGE_NOT_SATISFIABLE);
            return reply.with("Content-Range", range).into();
        }
        Wanted::All => (Status::OK, 0, facts.bytes),
        Wanted::Part { from, bytes } => (Status::PARTIAL_CONTENT, from, bytes),
    };
    let mut reply = describe(status);
    if status == Status::PARTIAL_CONTENT {
        let last = (from + bytes).saturating_sub(1);
        reply = reply.with(
            "Content-Range",
            format!("bytes {from}-{last}/{}", facts.bytes),
        );
    }
    if from > 0 && request.method != Method::Head {
        let sought = smol::unblock(move || file.seek(SeekFrom::Start(from)).map(|_| file)).await;
        match sought {
            Ok(there) => file = there,
            Err(_) => return Status::INTERNAL_ERROR.into(),
        }
    }
    let file = Some(Part { file, bytes });
    Answer { reply, file }
}

/// Blocks.
fn find(root: &Path, path: &str) -> io::Result<Found> {
    let is_folder = path.is_empty() || path.ends_with('/');
    let wanted = root.join(path);
    let wanted = if is_folder {
        wanted.join("index.html")
    } else {
        wanted
    };
    let (root, wanted) = match (root.canonicalize(), wanted.canonicalize()) {
        (Ok(root), Ok(wanted)) => (root, wanted),
        (Err(error), _) | (_, Err(error)) => return nothing_or(error),
    };
    if !wanted.starts_with(&root) {
        return Ok(Found::Nothing);
    }
    // Before it is opened: a pipe would wait for somebody who writes.
    let kind = fs::metadata(&wanted)?;
    if kind.is_dir() {
        return Ok(if is_folder {
            Found::Nothing
        } else {
            Found::Folder
        });
    }
    if !kind.is_file() {
        return Ok(Found::Nothing);
    }
    let file = match File::open(&wanted) {
        Ok(file) => file,
        Err(error) => return nothing_or(error),
    };
    let metadata = file.metadata()?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
    let modified = modified.unwrap_or_default();
    let name = wanted.file_name().unwrap_or_default().to_string_lossy();
    let facts = Facts {
        bytes: metadata.len(),
        modified: Timestamp::from_unix_ms(u64::try_from(modified.as_millis()).unwrap_or(0)),
        etag: format!("\"{:x}-{:x}\"", metadata.len(), modified.as_nanos()),
        content_type: files::content_type(&name),
        cache: "no-cache".to_owned(),
    };
    Ok(Found::File(file, facts))
}

/// What may not be read is not there for anybody outside.
fn nothing_or(error: io::Error) -> io::Result<Found> {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::InvalidFilename => Ok(Found::Nothing),
        _ => Err(error),
    }
}
