#!/usr/bin/env ruby
require_relative "vendor/greeting"

puts greeting
