# For a tap of one's own: brew install --HEAD ./packaging/homebrew/vesper.rb
# Never run on a Mac yet, and the project has no public address yet: put it in both places.
class Vesper < Formula
  desc "Vulkan GPU for virtual machines, by Mesa's Venus driver"
  homepage "https://example.invalid/vesper"
  license "MIT"
  head "https://example.invalid/vesper.git", branch: "main"

  depends_on "cmocka" => :build
  depends_on "glslang" => :build
  depends_on "meson" => :build
  depends_on "ninja" => :build
  depends_on "pkgconf" => :build
  depends_on "vulkan-headers" => :build
  depends_on "libpng"
  depends_on macos: :ventura
  depends_on "molten-vk"
  depends_on "pixman"
  depends_on "sdl3"
  depends_on "vulkan-loader"

  def install
    system "meson", "setup", "build", *std_meson_args
    system "meson", "compile", "-C", "build"
    system "meson", "install", "-C", "build"
  end

  test do
    # 1: this machine has no usable GPU, which doctor says too.
    output = shell_output("#{bin}/vesper doctor --json || true")
    assert_match "libraries searched", output
  end
end
