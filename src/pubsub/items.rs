//! Reading items (XEP-0060 section 6.5), the newest first.

use crate::base::limits::PAGE_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::pubsub::ItemRow;
use crate::pubsub::error::bad_request;
use crate::pubsub::error::not_found;
use crate::pubsub::host::Place;
use crate::pubsub::many;
use crate::pubsub::publish;
use crate::pubsub::visit::Visit;
use crate::pubsub::visit::node_of;
use crate::stanza::ns;
use crate::stanza::rsm::PageRequest;
use crate::stanza::rsm::PageResult;
use crate::xml::Node;

/// Some items of a node, and what is told of the rest.
struct Page<'a> {
    items: Vec<(&'a str, &'a ItemRow)>,
    first_index: usize,
    count: usize,
    is_told: bool,
}

pub(super) fn evaluate(visit: &Visit<'_>, items: Node<'_>) -> Result<Proposal, Stop> {
    let node = node_of(items)?;
    let place = visit.host.place(&node)?;
    place.check_access(&visit.user)?;
    place.check_persists()?;
    many::check_reader(visit, &place, items)?;
    let ids: Vec<_> = items
        .children()
        .filter(|child| child.is("item", ns::PUBSUB))
        .filter_map(|item| item.attr("id"))
        .collect();
    let page = if ids.is_empty() {
        page(visit, &place, items)?
    } else {
        let all = place.items();
        let mut found = all;
        found.retain(|(id, _)| ids.iter().any(|one| one == id));
        Page {
            first_index: 0,
            count: found.len(),
            items: found,
            is_told: false,
        }
    };
    let answer = visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB);
        writer.start("items").attr("node", &node);
        for (id, item) in &page.items {
            let publisher = place.shown_publisher(item);
            publish::write_item(writer, (id, item), publisher, true);
        }
        writer.end();
        if page.is_told {
            let ends = page.items.first().zip(page.items.last());
            PageResult {
                ends: ends.map(|((first, _), (last, _))| (*first, *last)),
                first_index: Some(page.first_index),
                count: Some(page.count),
            }
            .write(writer);
        }
        writer.end();
    });
    Ok(Proposal::answer(answer))
}

/// Sections 6.5.4 and 6.5.7: a page, or the newest items; no more than one answer can hold.
fn page<'a>(visit: &Visit<'_>, place: &Place<'a>, items: Node<'_>) -> Result<Page<'a>, Stop> {
    let request = PageRequest::parse(visit.query)?;
    let max = items.attr("max_items");
    let max: Option<usize> = max
        .map(|max| max.trim().parse().map_err(|_| bad_request()))
        .transpose()?;
    let mut all = place.items();
    all.reverse();
    all.truncate(max.unwrap_or(usize::MAX));
    let count = all.len();
    let (mut low, mut high) = (0, count);
    let find = |id: &str| all.iter().position(|(one, _)| *one == id);
    let mut is_backwards = false;
    if let Some(page) = &request {
        // XEP-0059 section 2.3: an item that is not there.
        if let Some(after) = &page.after {
            low = find(after).ok_or_else(not_found)?.saturating_add(1);
        }
        if let Some(before) = page.before.as_deref().filter(|before| !before.is_empty()) {
            high = find(before).ok_or_else(not_found)?;
        }
        low = low.max(page.index.unwrap_or(0)).min(high);
        is_backwards = page.is_backwards();
        let length = page.max.unwrap_or(usize::MAX).min(high.saturating_sub(low));
        if is_backwards {
            low = high.saturating_sub(length);
        } else {
            high = low.saturating_add(length);
        }
    }
    let wanted: Vec<_> = all.get(low..high).map_or_else(Vec::new, <[_]>::to_vec);
    let (items, left_out) = fit(wanted, is_backwards);
    if is_backwards {
        low = low.saturating_add(left_out);
    }
    Ok(Page {
        items,
        first_index: low,
        count,
        is_told: request.is_some() || left_out > 0,
    })
}

/// As many as one answer can hold, at least one; and how many that leaves out.
fn fit<'a>(
    mut wanted: Vec<(&'a str, &'a ItemRow)>,
    is_backwards: bool,
) -> (Vec<(&'a str, &'a ItemRow)>, usize) {
    let mut bytes: usize = 0;
    let mut is_fit = |(_, item): &&(&str, &ItemRow)| {
        let is_first = bytes == 0;
        bytes = bytes.saturating_add(item.payload.len()).saturating_add(100);
        is_first || bytes <= PAGE_BYTES_MAX
    };
    let fitting = if is_backwards {
        wanted.iter().rev().take_while(&mut is_fit).count()
    } else {
        wanted.iter().take_while(&mut is_fit).count()
    };
    let left_out = wanted.len().saturating_sub(fitting);
    if is_backwards {
        wanted.drain(..left_out);
    } else {
        wanted.truncate(fitting);
    }
    (wanted, left_out)
}
