use crate::cli::answer::Answer;
use crate::cli::exit::FailureObject;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use serde::Serialize;
use serde_json::Value;

/// Writes one JSON object with a list of any length, item by item: `{"records":[…]}`.
pub(in crate::cli) struct JsonList {
    output: Output,
    /// What is written before the first item.
    start: String,
    items: u64,
}

impl JsonList {
    /// Nothing is written before the first item.
    pub(in crate::cli) fn new(name: &str) -> Self {
        Self { output: Output::new(), start: format!("{{\"{name}\":["), items: 0 }
    }

    /// The same in an object that has other fields before the list.
    pub(in crate::cli) fn after(fields: &impl Serialize, name: &str) -> Self {
        let mut start = "{".to_owned();
        if let Ok(Value::Object(fields)) = serde_json::to_value(fields) {
            for (name, value) in fields {
                start.push_str(&format!("\"{name}\":{value},"));
            }
        }
        start.push_str(&format!("\"{name}\":["));
        Self { output: Output::new(), start, items: 0 }
    }

    pub(in crate::cli) fn push(&mut self, item: &impl Serialize) -> carrack::Result<()> {
        match self.items {
            0 => self.output.part(&self.start)?,
            _ => self.output.part(",")?,
        }
        self.items += 1;
        self.output.json_part(item)
    }

    /// Ends the list and the object, which reports a failure too.
    pub(in crate::cli) fn finish(
        mut self,
        outcome: Result<Answer, Failure>,
    ) -> Result<Answer, Failure> {
        if self.items == 0 {
            if outcome.is_err() {
                return outcome;
            }
            self.output.part(&self.start)?;
        }
        self.output.part("]")?;
        if let Err(failure) = &outcome {
            for (name, value) in FailureObject::of(failure, false).fields() {
                self.output.part(&format!(",\"{name}\":"))?;
                self.output.json_part(&value)?;
            }
        }
        self.output.part("}")?;
        self.output.end_line()?;
        self.output.flush()?;
        outcome.map_err(Failure::reported)
    }
}
