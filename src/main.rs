//! Hands the command line to the library and sets the exit code.

fn main() -> std::process::ExitCode {
    meerkat::main()
}
