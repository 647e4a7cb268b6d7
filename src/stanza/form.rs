//! Data forms (XEP-0004): questions, and answers to them, by the names of fields.
//!
//! Reading keeps values as they came; asking for one as a boolean checks it then. What a form
//! has beside fields with values (instructions, media, tables of results) is not read.

use crate::base::limits::FORM_FIELDS_MAX;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// What the form is for (section 3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FormKind {
    /// Asks somebody to fill it in.
    Form,
    /// Is filled in.
    Submit,
    /// Will not be filled in.
    Cancel,
    /// Tells.
    Result,
}

/// How a field is presented and checked (section 3.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FieldKind {
    Boolean,
    Fixed,
    Hidden,
    JidMulti,
    JidSingle,
    ListMulti,
    ListSingle,
    TextMulti,
    TextPrivate,
    TextSingle,
}

/// One field: a question with what is already answered, or an answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Field {
    /// The name; empty for text between fields.
    pub(crate) var: Box<str>,
    /// Missing in most answers (section 3.2).
    pub(crate) kind: Option<FieldKind>,
    pub(crate) label: Option<Box<str>>,
    pub(crate) is_required: bool,
    pub(crate) values: Vec<Box<str>>,
    /// Label and value of what may be chosen.
    pub(crate) options: Vec<(Box<str>, Box<str>)>,
}

/// A form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Form {
    pub(crate) kind: FormKind,
    pub(crate) title: Option<Box<str>>,
    pub(crate) instructions: Option<Box<str>>,
    pub(crate) fields: Vec<Field>,
}

impl Form {
    pub(crate) fn new(kind: FormKind) -> Self {
        Self {
            kind,
            title: None,
            instructions: None,
            fields: Vec::new(),
        }
    }

    /// A form that says what it is about (XEP-0068).
    pub(crate) fn with_type(kind: FormKind, form_type: &str) -> Self {
        let mut form = Self::new(kind);
        form.fields
            .push(Field::new("FORM_TYPE", FieldKind::Hidden).with_value(form_type));
        form
    }

    /// Adds a field, for building in one expression.
    pub(crate) fn with(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// The form among the children of `parent`; `None` if there is none.
    pub(crate) fn parse_in(parent: Node<'_>) -> Result<Option<Self>, StanzaError> {
        parent.child("x", ns::DATA).map(Self::parse).transpose()
    }

    /// Reads `<x/>`. `bad-request` if its type is unknown or it is too large.
    pub(crate) fn parse(node: Node<'_>) -> Result<Self, StanzaError> {
        let kind = match node.attr("type").as_deref() {
            Some("form") => FormKind::Form,
            Some("submit") => FormKind::Submit,
            Some("cancel") => FormKind::Cancel,
            Some("result") => FormKind::Result,
            _ => return Err(StanzaError::new(Condition::BadRequest)),
        };
        let mut form = Self::new(kind);
        for child in node.children().filter(|child| child.is("field", ns::DATA)) {
            if form.fields.len() == FORM_FIELDS_MAX {
                return Err(StanzaError::new(Condition::BadRequest));
            }
            form.fields.push(Field::parse(child)?);
        }
        Ok(form)
    }

    /// What the form is about; `None` without `FORM_TYPE` (XEP-0068).
    pub(crate) fn form_type(&self) -> Option<&str> {
        self.value("FORM_TYPE")
    }

    pub(crate) fn field(&self, var: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.var == var)
    }

    /// The first value of a field; `None` if field or value are missing.
    pub(crate) fn value(&self, var: &str) -> Option<&str> {
        self.field(var)?.values.first().map(|value| &**value)
    }

    /// All values of a field; none if it is missing.
    pub(crate) fn values(&self, var: &str) -> impl Iterator<Item = &str> {
        let values = self.field(var).map_or(&[][..], |field| &field.values);
        values.iter().map(|value| &**value)
    }

    /// The lines of a text joined (section 3.3, text-multi); `None` if the field is missing.
    pub(crate) fn text(&self, var: &str) -> Option<String> {
        Some(self.field(var)?.values.join("\n"))
    }

    /// A boolean; `None` if the field is missing, `bad-request` if it is neither true nor false.
    pub(crate) fn boolean(&self, var: &str) -> Result<Option<bool>, StanzaError> {
        match self.value(var) {
            None => Ok(None),
            Some("1" | "true") => Ok(Some(true)),
            Some("0" | "false") => Ok(Some(false)),
            Some(_) => Err(StanzaError::new(Condition::BadRequest)),
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        self.write_with(writer, &[]);
    }

    /// With an element of another namespace at its end (XEP-0133 section 4.8).
    pub(crate) fn write_with(&self, writer: &mut Writer, extra: &[u8]) {
        let kind = match self.kind {
            FormKind::Form => "form",
            FormKind::Submit => "submit",
            FormKind::Cancel => "cancel",
            FormKind::Result => "result",
        };
        writer.start_ns("x", ns::DATA).attr("type", kind);
        if let Some(title) = &self.title {
            writer.leaf("title", title);
        }
        if let Some(instructions) = &self.instructions {
            writer.leaf("instructions", instructions);
        }
        for field in &self.fields {
            field.write(writer);
        }
        if !extra.is_empty() {
            writer.raw(extra);
        }
        writer.end();
    }
}

impl Field {
    pub(crate) fn new(var: &str, kind: FieldKind) -> Self {
        Self {
            var: var.into(),
            kind: Some(kind),
            ..Self::default()
        }
    }

    /// An answer, or what is told: no type, since the reader knows it.
    pub(crate) fn answer(var: &str, value: &str) -> Self {
        Self {
            var: var.into(),
            ..Self::default()
        }
        .with_value(value)
    }

    pub(crate) fn boolean(var: &str, value: bool) -> Self {
        Self::new(var, FieldKind::Boolean).with_value(if value { "1" } else { "0" })
    }

    pub(crate) fn with_value(mut self, value: &str) -> Self {
        self.values.push(value.into());
        self
    }

    pub(crate) fn with_values<S: Into<Box<str>>>(
        mut self,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        self.values.extend(values.into_iter().map(Into::into));
        self
    }

    pub(crate) fn with_label(mut self, label: &str) -> Self {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn with_option(mut self, label: &str, value: &str) -> Self {
        self.options.push((label.into(), value.into()));
        self
    }

    pub(crate) fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    fn parse(node: Node<'_>) -> Result<Self, StanzaError> {
        let mut field = Self {
            var: node.attr("var").unwrap_or_default().into_owned().into(),
            kind: node.attr("type").map(|kind| FieldKind::parse(&kind)),
            label: node.attr("label").map(|label| label.into_owned().into()),
            ..Self::default()
        };
        if field.var.is_empty() && field.kind != Some(FieldKind::Fixed) {
            // Section 3.2: only fixed fields may go without a name.
            return Err(StanzaError::new(Condition::BadRequest));
        }
        for child in node.children().filter(|child| child.ns() == ns::DATA) {
            if field.values.len() + field.options.len() == FORM_FIELDS_MAX {
                return Err(StanzaError::new(Condition::BadRequest));
            }
            match child.name() {
                "value" => field.values.push(child.text().into_owned().into()),
                "required" => field.is_required = true,
                "option" => {
                    let value = child.child_text("value", ns::DATA).unwrap_or_default();
                    let label = child.attr("label").unwrap_or_default();
                    field = field.with_option(&label, &value);
                }
                _ => {}
            }
        }
        Ok(field)
    }

    fn write(&self, writer: &mut Writer) {
        writer.start("field");
        if !self.var.is_empty() {
            writer.attr("var", &self.var);
        }
        writer
            .attr_opt("type", self.kind.map(FieldKind::name))
            .attr_opt("label", self.label.as_deref());
        if self.is_required {
            writer.start("required").end();
        }
        for value in &self.values {
            writer.leaf("value", value);
        }
        for (label, value) in &self.options {
            writer.start("option").attr("label", label);
            writer.leaf("value", value).end();
        }
        writer.end();
    }
}

impl FieldKind {
    /// Section 3.3: what is not understood counts as text-single.
    fn parse(name: &str) -> Self {
        match name {
            "boolean" => Self::Boolean,
            "fixed" => Self::Fixed,
            "hidden" => Self::Hidden,
            "jid-multi" => Self::JidMulti,
            "jid-single" => Self::JidSingle,
            "list-multi" => Self::ListMulti,
            "list-single" => Self::ListSingle,
            "text-multi" => Self::TextMulti,
            "text-private" => Self::TextPrivate,
            _ => Self::TextSingle,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Fixed => "fixed",
            Self::Hidden => "hidden",
            Self::JidMulti => "jid-multi",
            Self::JidSingle => "jid-single",
            Self::ListMulti => "list-multi",
            Self::ListSingle => "list-single",
            Self::TextMulti => "text-multi",
            Self::TextPrivate => "text-private",
            Self::TextSingle => "text-single",
        }
    }
}
