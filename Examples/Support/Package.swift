// swift-tools-version: 6.2
import PackageDescription

// What the examples with servers share: one call in every style, and a table of what came of it.
let package = Package(
    name: "example-support",
    platforms: [.macOS(.v15)],
    products: [.library(name: "ExampleSupport", targets: ["ExampleSupport"])],
    dependencies: [.package(name: "switchyard", path: "../..")],
    targets: [
        .target(name: "ExampleSupport", dependencies: [.product(name: "Switchyard", package: "switchyard")])
    ]
)
