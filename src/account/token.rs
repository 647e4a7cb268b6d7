//! Tokens of devices (XEP-0484): a device that has logged in once needs no password again.
//!
//! A row holds the newest token of a device, and the one before it until the newest was seen in
//! use: an answer may get lost. A new password, and the end of the account, end them all.

use std::sync::Arc;

use crate::account::forget_op;
use crate::base::limits::TOKEN_MS;
use crate::base::limits::TOKEN_RENEW_MS;
use crate::base::limits::TOKENS_MAX;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::TokenWish;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::AccountState;
use crate::model::account::Token;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::sasl::Mechanism;
use crate::sasl::TokenSlot;

/// What a login changes of the device's tokens.
pub(crate) fn evaluate(view: &View<'_>, wish: &TokenWish) -> Result<Proposal, Stop> {
    let account = view.account(&wish.account)?;
    let state = account.row().map(|row| row.state);
    if state != Some(AccountState::Enabled) {
        return Ok(Proposal::nothing());
    }
    let name = RowName::Token {
        device: wish.device.clone(),
    };
    let known = account.token(&wish.device);
    let next = next(view, wish, known);
    if next.as_ref() == known {
        return Ok(Proposal::nothing());
    }
    let record = RecordKey::Account {
        jid: wish.account.clone(),
    };
    let mut proposal = Proposal::nothing()
        .guarded(view.guard(record.clone(), RowName::Account))
        .guarded(view.guard(record.clone(), name.clone()));
    if known.is_none() {
        proposal.ops.extend(forget_op(account, &wish.account));
        for oldest in surplus(account) {
            proposal = proposal.row(record.clone(), oldest, None);
        }
    }
    let row = next.map(|token| Row::Token {
        token: Arc::new(token),
    });
    Ok(proposal.row(record, name, row))
}

/// The device's row after this login.
fn next(view: &View<'_>, wish: &TokenWish, known: Option<&Token>) -> Option<Token> {
    // Section 3.5: once the new one is used, the one before it is over.
    let left = known
        .cloned()
        .and_then(|token| match (wish.used, wish.is_invalidated) {
            (None, _) | (Some(TokenSlot::Current), false) => Some(token),
            (Some(TokenSlot::New), true) => None,
            (Some(TokenSlot::New), false) | (Some(TokenSlot::Current), true) => Some(Token {
                previous: None,
                ..token
            }),
        });
    let is_due = wish.used.is_some()
        && !wish.is_invalidated
        && left
            .as_ref()
            .is_some_and(|token| token.expires.since_ms(view.now()) < TOKEN_RENEW_MS);
    let mechanism: Box<str> = match (wish.wanted, &left) {
        (Some(binding), _) => Mechanism::Token(binding).name().into(),
        (None, Some(token)) if is_due => token.mechanism.clone(),
        _ => return left,
    };
    // What the device has in its hands goes on until it has used the new one.
    let held = left.filter(|token| wish.used.is_some() && token.mechanism == mechanism);
    let previous = held.map(|token| token.previous.unwrap_or(token.secret));
    Some(Token {
        mechanism,
        secret: Secret::from(fresh(&view.facts.random).as_str()),
        expires: view.now().plus_ms(TOKEN_MS),
        previous,
    })
}

/// The devices that have to go so that one more has room: those whose tokens end first.
fn surplus(account: &Account) -> Vec<RowName> {
    let mut tokens: Vec<(Timestamp, RowName)> = account
        .tokens()
        .map(|(name, token)| (token.expires, name.clone()))
        .collect();
    tokens.sort();
    let count = (tokens.len() + 1).saturating_sub(TOKENS_MAX);
    let oldest = tokens.into_iter().take(count);
    oldest.map(|(_, name)| name).collect()
}

/// The text of a token that an input with this randomness makes.
fn fresh(random: &[u8; 32]) -> String {
    let half = |bytes: Option<&[u8; 16]>| bytes.map_or(0, |bytes| u128::from_be_bytes(*bytes));
    let (first, last) = (half(random.first_chunk()), half(random.last_chunk()));
    format!("{first:032x}{last:032x}")
}

/// The new token that these ops give the device, if they give it one.
pub(crate) fn given(ops: &[Op], random: &[u8; 32]) -> Option<(String, Timestamp)> {
    let text = fresh(random);
    ops.iter().find_map(|op| match op {
        Op::Durable {
            op:
                Durable::Row {
                    row: Some(Row::Token { token }),
                    ..
                },
        } if token.secret.expose() == text.as_bytes() => Some((text.clone(), token.expires)),
        _ => None,
    })
}
