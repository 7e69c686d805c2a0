use crate::cli::io::stderr::shows_progress;
use carrack::Problem;
use carrack::block::{Block, Cid};
use carrack::parts::sources::{BlockSource, Missing, RecordBlock, Totals, TreeCounts};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;

/// Sizes are in decimal units, as in all that is printed.
const BYTES: &str =
    "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
const BYTES_SO_FAR: &str = "{msg} {spinner} {decimal_bytes} {decimal_bytes_per_sec}";

/// Progress on the standard error, if that is a terminal. A hidden bar would read the clock at each
/// move.
pub(in crate::cli) struct Bar(Option<ProgressBar>);

impl Bar {
    /// Bytes towards a total that is known.
    pub(in crate::cli) fn bytes(doing: &'static str, total: u64) -> Self {
        Self::new(doing, Some(total), BYTES)
    }

    /// Bytes towards an end that is not known.
    pub(in crate::cli) fn bytes_so_far(doing: &'static str) -> Self {
        Self::new(doing, None, BYTES_SO_FAR)
    }

    /// Records towards an end that is not known.
    pub(in crate::cli) fn records_so_far(doing: &'static str) -> Self {
        Self::new(doing, None, "{msg} {spinner} {human_pos} records {per_sec}")
    }

    fn new(doing: &'static str, total: Option<u64>, template: &str) -> Self {
        if !shows_progress() {
            return Self(None);
        }
        Self::drawn(doing, total, template, ProgressDrawTarget::stderr())
    }

    fn drawn(
        doing: &'static str,
        total: Option<u64>,
        template: &str,
        target: ProgressDrawTarget,
    ) -> Self {
        let bar = ProgressBar::with_draw_target(total, target);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::text;
    use indicatif::TermLike;
    use std::io::Result;
    use std::sync::{Arc, Mutex};

    /// A terminal that keeps what is written to it.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            120
        }
        fn move_cursor_up(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> Result<()> {
            Ok(())
        }
        fn flush(&self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bars_and_summaries_have_the_same_units() {
        for (total, template) in [(Some(5_000_000), BYTES), (None, BYTES_SO_FAR)] {
            let screen = Screen::default();
            let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
            let bar = Bar::drawn("copying", total, template, target);
            bar.set(2_500_000);
            bar.0.as_ref().unwrap().force_draw();
            let shown = screen.0.lock().unwrap().clone();
            assert!(shown.contains(&text::bytes(2_500_000)), "{shown}");
            assert!(shown.contains("B/s") && !shown.contains("iB"), "{shown}");
        }
    }
}
