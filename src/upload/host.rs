//! The host of the service: what it says of itself, and slots (XEP-0363 sections 3, 4 and 6).

use std::sync::Arc;

use crate::base::ids::FileId;
use crate::base::time::Timestamp;
use crate::base::upload_limits::SLOT_MS;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::settings::Upload;
use crate::effect::view::View;
use crate::model::file::FilePlace;
use crate::model::file::Slot;
use crate::stanza::Condition;
use crate::stanza::ErrorType;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::upload::content::essence;
use crate::upload::name;
use crate::upload::quota;
use crate::upload::quota::Exceeded;
use crate::upload::quota::What;
use crate::upload::url;
use crate::xml::Node;
use crate::xml::Writer;

/// Answers what is sent to the host.
pub(crate) fn evaluate(
    view: &View<'_>,
    request: &Request,
    upload: &Upload,
) -> Result<Proposal, Stop> {
    let stanza = &request.stanza;
    let is_host = stanza
        .to
        .as_ref()
        .is_some_and(|to| to.as_str() == &*upload.host);
    let Kind::Iq(kind @ (IqType::Get | IqType::Set)) = stanza.kind else {
        return match stanza.kind {
            Kind::Message(_) => Err(StanzaError::new(Condition::ServiceUnavailable).into()),
            _ => Err(Stop::Ignore),
        };
    };
    let Some(query) = stanza.query().filter(|_| is_host && kind == IqType::Get) else {
        return Err(StanzaError::new(Condition::ServiceUnavailable).into());
    };
    match (query.name(), query.ns()) {
        ("query", ns::DISCO_INFO) => {
            no_node(query)?;
            let mut writer = Writer::new();
            write_info(&mut writer, upload);
            Ok(result(request, writer))
        }
        ("query", ns::DISCO_ITEMS) => {
            no_node(query)?;
            let mut writer = Writer::new();
            writer.start_ns("query", ns::DISCO_ITEMS).end();
            Ok(result(request, writer))
        }
        ("ping", ns::PING) => Ok(Proposal::answer(stanza.result(&request.from, Vec::new()))),
        ("request", ns::HTTP_UPLOAD) => give_slot(view, request, upload, query),
        _ => Err(StanzaError::new(Condition::ServiceUnavailable).into()),
    }
}

fn no_node(query: Node<'_>) -> Result<(), StanzaError> {
    match query.attr("node") {
        Some(_) => Err(StanzaError::new(Condition::ItemNotFound)),
        None => Ok(()),
    }
}

fn result(request: &Request, writer: Writer) -> Proposal {
    Proposal::answer(request.stanza.result(&request.from, writer.finish()))
}

fn write_info(writer: &mut Writer, upload: &Upload) {
    writer.start_ns("query", ns::DISCO_INFO);
    writer
        .start("identity")
        .attr("category", "store")
        .attr("type", "file")
        .attr("name", "Files")
        .end();
    for feature in [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::HTTP_UPLOAD, ns::PING] {
        writer.start("feature").attr("var", feature).end();
    }
    let bytes_max = quota::file_bytes_max(upload).to_string();
    let field = Field::new("max-file-size", FieldKind::TextSingle).with_value(&bytes_max);
    Form::with_type(FormKind::Result, ns::HTTP_UPLOAD)
        .with(field)
        .write(writer);
    writer.end();
}

/// Section 4. Users of this server only reach this place.
fn give_slot(
    view: &View<'_>,
    request: &Request,
    upload: &Upload,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let bad = || StanzaError::new(Condition::BadRequest);
    let filename = query.attr("filename").ok_or_else(bad)?;
    let bytes: u64 = query
        .attr("size")
        .and_then(|size| size.parse().ok())
        .filter(|bytes| *bytes > 0)
        .ok_or_else(bad)?;
    let owner = request.from.bare();
    if owner.domain() != view.settings.domain.as_ref() {
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    let bytes_max = quota::file_bytes_max(upload);
    if bytes > bytes_max {
        return Ok(too_large(request, bytes_max));
    }
    let account = view.account(&owner)?;
    if let Err(exceeded) = quota::check(account, upload, bytes, view.now()) {
        return Ok(full(request, &exceeded));
    }
    let life = account.incarnation().ok_or_else(bad)?;
    let (id, rest) = view
        .facts
        .random
        .split_first_chunk::<16>()
        .ok_or_else(bad)?;
    let nonce = *rest.first_chunk::<12>().ok_or_else(bad)?;
    let slot = Slot {
        place: FilePlace {
            owner,
            id: FileId(u128::from_be_bytes(*id)),
        },
        name: name::safe(&filename),
        content_type: query
            .attr("content-type")
            .and_then(|text| essence(&text))
            .map(Into::into),
        bytes,
        until: view.now().plus_ms(SLOT_MS).unix_ms() / 1_000,
    };
    let keys = &view.settings.file_keys;
    let sealed = keys.seal(&slot.place, nonce).ok_or_else(bad)?;
    let get = url::get_url(upload, &sealed, &slot.name);
    let put = url::put_url(&get, &slot, &keys.sign(&slot, life));
    let mut writer = Writer::new();
    writer.start_ns("slot", ns::HTTP_UPLOAD);
    writer.start("put").attr("url", &put).end();
    writer.start("get").attr("url", &get).end();
    writer.end();
    Ok(result(request, writer))
}

/// Section 6: what is wrong with the size, for programs as well.
fn too_large(request: &Request, bytes_max: u64) -> Proposal {
    let error = StanzaError::new(Condition::NotAcceptable).with_type(ErrorType::Modify);
    let text = format!("the largest file that is taken has {bytes_max} bytes");
    refuse(request, &error.with_text(text), |writer| {
        writer
            .start_ns("file-too-large", ns::HTTP_UPLOAD)
            .leaf("max-file-size", &bytes_max.to_string())
            .end();
    })
}

/// Section 6: when it is worth trying again.
fn full(request: &Request, exceeded: &Exceeded) -> Proposal {
    let text = match exceeded.what {
        What::Files { count_max } => format!("{count_max} files of yours are kept already"),
        What::Bytes { bytes_max } => format!("your files may have {bytes_max} bytes in all"),
        What::Day { bytes_max } => format!("your files of a day may have {bytes_max} bytes"),
    };
    let error = StanzaError::new(Condition::ResourceConstraint).with_text(text);
    let until = exceeded.until.map(Timestamp::to_xep0082);
    refuse(request, &error, |writer| {
        if let Some(stamp) = &until {
            writer
                .start_ns("retry", ns::HTTP_UPLOAD)
                .attr("stamp", stamp)
                .end();
        }
    })
}

/// An error with more in it than a name.
fn refuse(request: &Request, error: &StanzaError, detail: impl Fn(&mut Writer)) -> Proposal {
    let mut writer = Writer::new();
    detail(&mut writer);
    let payload = error.to_payload_with(&writer.finish());
    let answer = request.stanza.result(&request.from, Vec::new());
    Proposal {
        answers: vec![Arc::new(Outgoing {
            kind: Kind::Iq(IqType::Error),
            payload: payload.into(),
            ..answer
        })],
        ..Proposal::default()
    }
}
