// swift-tools-version: 6.2
import PackageDescription

// Switchyard and SwiftNIO in one file: no name of the one gets in the other's way.
let package = Package(
    name: "beside-nio",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "switchyard", path: "../.."),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.80.0"),
    ],
    targets: [
        .executableTarget(
            name: "BesideNIO",
            dependencies: [
                .product(name: "Switchyard", package: "switchyard"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        )
    ]
)
