//! Reading archives (XEP-0313): from the request to a question, and from what was found to the
//! results and their `<fin/>`.

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Kept;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::request::Request;
use crate::effect::sends::Item;
use crate::effect::sends::ResultOf;
use crate::effect::view::View;
use crate::model::message::Owner;
use crate::model::position::Position;
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
use crate::stanza::rsm::PageRequest;
use crate::stanza::rsm::PageResult;
use crate::stanza::words::Words;
use crate::xml::Node;
use crate::xml::Writer;

/// An archive that the asker may read.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    pub(crate) owner: Owner,
    pub(crate) incarnation: Incarnation,
    /// Whether the asker may see who is behind a room's occupants.
    pub(crate) shows_senders: bool,
}

impl Archive {
    fn jid(&self) -> &BareJid {
        match &self.owner {
            Owner::Account { jid } | Owner::Room { jid } => jid,
        }
    }
}

/// Whether a request is about an archive.
pub(crate) fn is_for_archive(query: Node<'_>) -> bool {
    query.ns() == ns::MAM && matches!(query.name(), "query" | "metadata")
}

/// A request to an archive: its form, a page of it, or its two ends.
pub(crate) fn evaluate(
    view: &View<'_>,
    request: &Request,
    archive: &Archive,
) -> Result<Proposal, Stop> {
    let bad = || StanzaError::new(Condition::BadRequest);
    let query = request.stanza.query().ok_or_else(bad)?;
    let is_set = request.stanza.kind == Kind::Iq(IqType::Set);
    match (query.name(), is_set) {
        ("query", false) => Ok(Proposal::answer(
            request.stanza.result(&request.from, fields()),
        )),
        ("query", true) => page(view, request, archive, query),
        ("metadata", false) => {
            let (owner, incarnation) = (archive.owner.clone(), archive.incarnation);
            Ok(ask(
                request,
                archive,
                Question::ArchiveEnds { owner, incarnation },
            ))
        }
        _ => Err(bad().into()),
    }
}

fn ask(request: &Request, archive: &Archive, question: Question) -> Proposal {
    Proposal::ask(Query {
        iq: request.stanza.id.clone().unwrap_or_default(),
        from: archive.jid().to_jid(),
        question,
    })
}

/// XEP-0313 section 4.1.6: what may be asked for.
fn fields() -> Vec<u8> {
    let form = Form::with_type(FormKind::Form, ns::MAM)
        .with(Field::new("with", FieldKind::JidSingle))
        .with(Field::new("start", FieldKind::TextSingle))
        .with(Field::new("end", FieldKind::TextSingle))
        .with(Field::new("before-id", FieldKind::TextSingle))
        .with(Field::new("after-id", FieldKind::TextSingle))
        .with(Field::new("ids", FieldKind::ListMulti))
        .with(Field::new(ns::FULLTEXT_FIELD, FieldKind::TextSingle));
    let mut writer = Writer::new();
    writer.start_ns("query", ns::MAM);
    form.write(&mut writer);
    writer.end();
    writer.finish()
}

fn page(
    view: &View<'_>,
    request: &Request,
    archive: &Archive,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let form = Form::parse_in(query)?;
    let rsm = PageRequest::parse(query)?.unwrap_or_default();
    let mut page = ArchivePage {
        owner: archive.owner.clone(),
        incarnation: archive.incarnation,
        with: None,
        start: None,
        end: None,
        after: None,
        before: None,
        ids: Vec::new(),
        backwards: rsm.is_backwards(),
        count_max: rsm.items_max(),
        flipped: query.has_child("flip-page", ns::MAM),
    };
    let position = |id: &str| {
        let found = view.settings.ids.position(id, archive.jid());
        found.ok_or_else(|| StanzaError::new(Condition::ItemNotFound))
    };
    let mut words = None;
    if let Some(form) = &form {
        if form.form_type() != Some(ns::MAM) {
            return Err(StanzaError::new(Condition::BadRequest).into());
        }
        read_form(form, &mut page, &position)?;
        // XEP-0431 section 2.2: an empty text is none.
        words = Words::parse(form.value(ns::FULLTEXT_FIELD).unwrap_or_default())?;
    }
    // Both kinds of bounds hold (section 4.1.5): the narrower one decides.
    let later = |one: Option<Position>, other| one.max(other);
    if let Some(after) = rsm.after.as_deref() {
        page.after = later(page.after, Some(position(after)?));
    }
    if let Some(before) = rsm.before.as_deref().filter(|before| !before.is_empty()) {
        let before = position(before)?;
        page.before = Some(page.before.map_or(before, |known| known.min(before)));
    }
    let query_id = query.attr("queryid").map(|id| id.into_owned().into());
    let shows_senders = archive.shows_senders;
    let question = match words {
        None => Question::Archive {
            query_id,
            page,
            shows_senders,
        },
        Some(words) => Question::Search {
            query_id,
            page,
            shows_senders,
            words: Arc::new(words),
        },
    };
    Ok(ask(request, archive, question))
}

fn read_form(
    form: &Form,
    page: &mut ArchivePage,
    position: &dyn Fn(&str) -> Result<Position, StanzaError>,
) -> Result<(), StanzaError> {
    let known = [
        "FORM_TYPE",
        "with",
        "start",
        "end",
        "before-id",
        "after-id",
        "ids",
        ns::FULLTEXT_FIELD,
    ];
    if let Some(strange) = form
        .fields
        .iter()
        .find(|field| !known.contains(&&*field.var))
    {
        // Section 4.1: a filter that is not known cannot be left out silently.
        let text = format!("{} is no field of this archive", strange.var);
        return Err(StanzaError::new(Condition::FeatureNotImplemented).with_text(text));
    }
    let bad = |_| StanzaError::new(Condition::BadRequest).with_type(ErrorType::Modify);
    let time = |var: &str| {
        form.value(var)
            .map(Timestamp::parse_xep0082)
            .transpose()
            .map_err(bad)
    };
    page.with = form
        .value("with")
        .map(Jid::parse)
        .transpose()
        .map_err(|_| StanzaError::new(Condition::JidMalformed))?;
    page.start = time("start")?;
    page.end = time("end")?;
    page.after = form.value("after-id").map(position).transpose()?;
    page.before = form.value("before-id").map(position).transpose()?;
    page.ids = form.values("ids").map(position).collect::<Result<_, _>>()?;
    Ok(())
}

/// The results of a page and its end, or the error.
pub(crate) fn answer(view: &View<'_>, query: &Query, found: Found) -> Vec<Item> {
    match (&query.question, found) {
        (
            Question::Archive {
                query_id,
                shows_senders,
                page,
            },
            Found::Page {
                rows,
                complete,
                total,
            },
        ) => {
            let fin = Fin {
                complete,
                total,
                edge: None,
            };
            let mut items = results(query, query_id.as_deref(), *shows_senders, &rows);
            items.push(fin.to_item(view, query, page, &rows));
            items
        }
        (
            Question::Search {
                query_id,
                shows_senders,
                page,
                ..
            },
            Found::Searched { found },
        ) => {
            let fin = Fin {
                complete: found.complete,
                total: None,
                edge: found.edge,
            };
            let mut items = results(query, query_id.as_deref(), *shows_senders, &found.rows);
            items.push(fin.to_item(view, query, page, &found.rows));
            items
        }
        (Question::ArchiveEnds { .. }, Found::Ends { first, last }) => {
            vec![ends(view, query, first, last)]
        }
        _ => {
            let error = StanzaError::new(Condition::ItemNotFound).to_payload();
            vec![iq(query, IqType::Error, error)]
        }
    }
}

fn results(query: &Query, query_id: Option<&str>, shows_senders: bool, rows: &[Kept]) -> Vec<Item> {
    let result = Arc::new(ResultOf {
        query_id: query_id.map(Into::into),
        archive: query.from.to_bare(),
        shows_senders,
    });
    let item = |row: &Kept| Item::Result {
        position: row.position,
        query: Arc::clone(&result),
    };
    rows.iter().map(item).collect()
}

/// How a page ends (XEP-0313 section 4.3.2).
struct Fin {
    complete: bool,
    total: Option<u64>,
    /// Where a search goes on. It stands for the last of the page, so that who asks for what is after it or
    /// before it gets on, also from a page without any result.
    edge: Option<Position>,
}

impl Fin {
    fn to_item(&self, view: &View<'_>, query: &Query, page: &ArchivePage, rows: &[Kept]) -> Item {
        let archive = query.from.to_bare();
        // <first/> and <last/> are in the order of the archive, flipped or not.
        let positions = rows.iter().map(|row| row.position);
        let first = positions.clone().min();
        let last = positions.max();
        let (first, last) = match self.edge {
            Some(edge) if page.backwards => (Some(edge), last.or(Some(edge))),
            Some(edge) => (first.or(Some(edge)), Some(edge)),
            None => (first, last),
        };
        let id = |position| view.settings.ids.id(position, &archive);
        let (first, last) = (first.map(id), last.map(id));
        let count = self.total.and_then(|total| usize::try_from(total).ok());
        let mut writer = Writer::new();
        writer.start_ns("fin", ns::MAM);
        if self.complete {
            writer.attr("complete", "true");
        }
        PageResult {
            ends: first.as_deref().zip(last.as_deref()),
            first_index: None,
            count,
        }
        .write(&mut writer);
        writer.end();
        iq(query, IqType::Result, writer.finish())
    }
}

/// XEP-0313 section 6: the first and the last of the archive.
fn ends(
    view: &View<'_>,
    query: &Query,
    first: Option<(Position, Timestamp)>,
    last: Option<(Position, Timestamp)>,
) -> Item {
    let mut writer = Writer::new();
    writer.start_ns("metadata", ns::MAM);
    write_ends(view, &query.from.to_bare(), first, last, &mut writer);
    writer.end();
    iq(query, IqType::Result, writer.finish())
}

fn write_ends(
    view: &View<'_>,
    archive: &BareJid,
    first: Option<(Position, Timestamp)>,
    last: Option<(Position, Timestamp)>,
    writer: &mut Writer,
) {
    for (name, end) in [("start", first), ("end", last)] {
        if let Some((position, at)) = end {
            let id = view.settings.ids.id(position, archive);
            writer
                .start(name)
                .attr("id", &id)
                .attr("timestamp", &at.to_xep0082())
                .end();
        }
    }
}

fn iq(query: &Query, kind: IqType, payload: Vec<u8>) -> Item {
    Item::Stanza {
        stanza: Arc::new(query.answer(kind, payload)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::effect::query::Searched;
    use crate::effect::settings::Settings;
    use crate::effect::state::State;
    use crate::effect::view::Facts;
    use crate::model::position::Epoch;
    use crate::stanza::words::Words;

    fn at(seq: u64) -> Position {
        let epoch = Epoch {
            counter: 1,
            node: 0,
            salt: 7,
        };
        Position::new(epoch, seq, 0)
    }

    /// What a search is told that has looked at the messages up to `edge` in vain.
    fn fin_in_vain(backwards: bool, edge: Option<Position>) -> (String, String) {
        let settings = Settings::default();
        let (state, facts) = (State::default(), Facts::default());
        let view = View::new(&state, &settings, &facts);
        let jid = BareJid::parse("ann@test").unwrap();
        let page = ArchivePage {
            owner: Owner::Account { jid: jid.clone() },
            incarnation: Incarnation(1),
            with: None,
            start: None,
            end: None,
            after: None,
            before: None,
            ids: Vec::new(),
            backwards,
            count_max: 10,
            flipped: false,
        };
        let query = Query {
            iq: "q".into(),
            from: jid.to_jid(),
            question: Question::Search {
                query_id: None,
                page,
                shows_senders: false,
                words: Arc::new(Words::parse("word").unwrap().unwrap()),
            },
        };
        let found = Searched {
            rows: Vec::new(),
            complete: edge.is_none(),
            edge,
            recent: BTreeSet::new(),
        };
        let items = answer(&view, &query, Found::Searched { found });
        let [Item::Stanza { stanza }] = items.as_slice() else {
            panic!("{items:?}")
        };
        let id = edge.map(|edge| settings.ids.id(edge, &jid).to_string());
        let payload = String::from_utf8_lossy(&stanza.payload).into_owned();
        (payload, id.unwrap_or_default())
    }

    /// Clients go on with what `<fin/>` says is first or last, and stop where it says nothing.
    #[test]
    fn a_page_without_results_says_where_the_search_goes_on() {
        for backwards in [true, false] {
            let (fin, id) = fin_in_vain(backwards, Some(at(5)));
            let set = format!("<first>{id}</first><last>{id}</last>");
            assert!(fin.contains(&set), "{fin}");
            assert!(!fin.contains("complete"), "{fin}");

            let (fin, _) = fin_in_vain(backwards, None);
            assert!(fin.contains("complete='true'"), "{fin}");
            assert!(!fin.contains("<first>"), "{fin}");
        }
    }
}
