use crate::cli::answer::Answer;
use crate::cli::exit::FailureObject;
use crate::cli::failure::Failure;
use crate::cli::io::output::Output;
use serde::Serialize;

/// Writes one JSON object with a list of any length, item by item: `{"records":[…]}`.
pub(in crate::cli) struct JsonList {
    output: Output,
    name: &'static str,
    items: u64,
}

impl JsonList {
    /// Nothing is written before the first item.
    pub(in crate::cli) fn new(name: &'static str) -> Self {
        Self { output: Output::new(), name, items: 0 }
    }

    pub(in crate::cli) fn push(&mut self, item: &impl Serialize) -> carrack::Result<()> {
        match self.items {
            0 => self.begin()?,
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
        match outcome {
            Err(failure) if self.items == 0 => Err(failure),
            outcome => {
                if self.items == 0 {
                    self.begin()?;
                }
                self.output.part("]")?;
                end_object(self.output, outcome)
            }
        }
    }

    fn begin(&mut self) -> carrack::Result<()> {
        self.output.part(&format!("{{\"{}\":[", self.name))
    }
}

/// Ends an object that has fields already. A failure adds its own.
pub(in crate::cli) fn end_object(
    mut output: Output,
    outcome: Result<Answer, Failure>,
) -> Result<Answer, Failure> {
    if let Err(failure) = &outcome {
        for (name, value) in FailureObject::of(failure, false).fields() {
            output.part(&format!(",\"{name}\":"))?;
            output.json_part(&value)?;
        }
    }
    output.part("}")?;
    output.end_line()?;
    output.flush()?;
    outcome.map_err(Failure::reported)
}
