// The built-in vector types, dim3 and the functions that make them.
#pragma once

// clang-format off
struct uchar4                { unsigned char x, y, z, w; };
struct int2                  { int x, y; };
struct int3                  { int x, y, z; };
struct alignas(16) int4      { int x, y, z, w; };
struct uint2                 { unsigned x, y; };
struct uint3                 { unsigned x, y, z; };
struct alignas(16) uint4     { unsigned x, y, z, w; };
struct alignas(8) float2     { float x, y; };
struct float3                { float x, y, z; };
struct alignas(16) float4    { float x, y, z, w; };
struct alignas(16) double2   { double x, y; };
struct double3               { double x, y, z; };
struct alignas(16) double4   { double x, y, z, w; };

inline int2    make_int2(int x, int y)                                     { return {x, y}; }
inline int4    make_int4(int x, int y, int z, int w)                       { return {x, y, z, w}; }
inline uint2   make_uint2(unsigned x, unsigned y)                          { return {x, y}; }
inline uint4   make_uint4(unsigned x, unsigned y, unsigned z, unsigned w)  { return {x, y, z, w}; }
inline float2  make_float2(float x, float y)                               { return {x, y}; }
inline float3  make_float3(float x, float y, float z)                      { return {x, y, z}; }
inline float4  make_float4(float x, float y, float z, float w)             { return {x, y, z, w}; }
inline double2 make_double2(double x, double y)                            { return {x, y}; }
inline double4 make_double4(double x, double y, double z, double w)        { return {x, y, z, w}; }
// clang-format on

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
