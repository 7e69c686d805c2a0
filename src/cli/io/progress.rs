use carrack::Problem;
use carrack::block::{Block, Cid};
use carrack::parts::sources::{BlockSource, Missing, RecordBlock, Totals, TreeCounts};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};

/// Progress on the standard error, if that is a terminal. A hidden bar would read the clock at each
/// move.
pub(in crate::cli) struct Bar(Option<ProgressBar>);

impl Bar {
    /// Bytes towards a total that is known.
    pub(in crate::cli) fn bytes(doing: &'static str, total: u64) -> Self {
        Self::new(
            doing,
            Some(total),
            "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        )
    }

    /// Bytes towards an end that is not known.
    pub(in crate::cli) fn bytes_so_far(doing: &'static str) -> Self {
        Self::new(doing, None, "{msg} {spinner} {bytes} {bytes_per_sec}")
    }

    /// Records towards an end that is not known.
    pub(in crate::cli) fn records_so_far(doing: &'static str) -> Self {
        Self::new(doing, None, "{msg} {spinner} {human_pos} records {per_sec}")
    }

    fn new(doing: &'static str, total: Option<u64>, template: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(doing);
        Self(Some(bar))
    }

    /// Moves it. It redraws some times a second at most.
    pub(in crate::cli) fn set(&self, position: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(position);
        }
    }

    /// An output whose bytes move it.
    pub(in crate::cli) fn output<W: Write>(&self, output: W) -> impl Write {
        self.0.clone().unwrap_or_else(ProgressBar::hidden).wrap_write(output)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A block source that shows its progress: the bytes of the requested blocks.
pub(in crate::cli) struct ProgressSource<'a, S> {
    source: S,
    bar: &'a Bar,
}

impl<'a, S> ProgressSource<'a, S> {
    pub(in crate::cli) fn new(source: S, bar: &'a Bar) -> Self {
        Self { source, bar }
    }
}

impl<S: BlockSource> BlockSource for ProgressSource<'_, S> {
    fn roots(&self) -> &[Cid] {
        self.source.roots()
    }

    fn want(&mut self, cid: &Cid) -> carrack::Result<Result<Block, Missing>> {
        let given = self.source.want(cid)?;
        self.bar.set(self.source.position());
        Ok(given)
    }

    fn skip_records(&mut self) {
        self.source.skip_records();
    }

    fn skip_tree(&mut self) {
        self.source.skip_tree();
    }

    fn check_outline(&mut self, root: &Cid) -> carrack::Result<Option<TreeCounts>> {
        let judged = self.source.check_outline(root)?;
        self.bar.set(self.source.position());
        Ok(judged)
    }

    fn want_record(&mut self, cid: &Cid) -> carrack::Result<Result<RecordBlock, Missing>> {
        let given = self.source.want_record(cid)?;
        self.bar.set(self.source.position());
        Ok(given)
    }

    fn finish(&mut self, problems: &mut dyn FnMut(Problem)) -> carrack::Result<Totals> {
        self.source.finish(problems)
    }

    fn position(&self) -> u64 {
        self.source.position()
    }
}
